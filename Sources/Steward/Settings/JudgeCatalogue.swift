internal import Gateway
internal import Judges

/// Settings of judges: a list, so in the file alone.
enum JudgeCatalogue {
    static let judge = [
        Setting("judges[].name", .text, nil, "Required. Name in records, metrics and logs; unique."),
        Setting(
            "judges[].form", .choice(JudgeForm.allCases.map(\.rawValue)), nil,
            "Required. How its server is asked, and answers. See the guide to second opinions."),
        Setting(
            "judges[].url", .url, nil,
            "Required. The server's base address, without `/v1`; of a hook, the whole address."),
        Setting("judges[].model", .text, nil, "What the server calls the model."),
        Setting("judges[].credential_env", .secretVariable, nil, "Variable that holds the server's API key."),
        Setting("judges[].credential_file", .secretFile, nil, "File that holds it instead."),
        Setting(
            "judges[].authorities_file", .file, nil,
            "PEM file of further authorities to trust; without it, the system's."),
        Setting("judges[].connections_max", .integer(1...65_536), "64", "Connections of each event loop."),
        Setting(
            "judges[].clauses", .texts, nil,
            "Required. The clauses of the guidelines that it is asked about, by their ids."
        ),
        Setting("judges[].sides", .choices(["prompt", "completion"]), "[prompt]", "What it is asked about."),
        Setting(
            "judges[].ask_from_percent", .integer(0...100), "30",
            "It is asked where the classifier's score of one of the clauses is from here …"),
        Setting("judges[].ask_below_percent", .integer(1...101), "95", "… to below here. 101 has no upper end."),
        Setting("judges[].ask_always", .flag, "false", "Ask it about every text, whatever the classifier says."),
        Setting(
            "judges[].ask_uncovered", .flag, "true",
            "Ask it also where some of a text is in a script of which the classifier says nothing, or stands encoded beyond what is read."
        ),
        Setting(
            "judges[].threshold_percent", .integer(0...100), "50",
            "From which score on its findings count; judges that only say yes say it with 100."),
        Setting(
            "judges[].on_failure", .choice(Judge.FailurePolicy.allCases.map(\.rawValue)), "closed",
            "Where it could not be heard: `closed` answers 503; `open` goes on, and records *not evaluated*."),
        Setting(
            "judges[].shadow", .flag, "false", "Its opinions are recorded, and nothing follows from them."),
        Setting(
            "judges[].streams", .choice(Judge.streamModes.map(\.rawValue)), "hold",
            "Streamed answers: `hold` lets nothing out before their end, when it has been asked or need not be; `pass` lets "
                + "them out as they come, and only records what it says."),
        Setting(
            "judges[].timeout", .duration(.milliseconds(10)...(.seconds(60))), "2s",
            "How long all may take that it is asked of one text."),
        Setting(
            "judges[].questions_per_minute", .integer(1...10_000_000), "600",
            "How many questions this process may ask it; more is a failure."),
        Setting(
            "judges[].cache_entries", .integer(0...10_000_000), "10000",
            "How many of its opinions are remembered, by a digest of the question; each takes some hundred bytes."),
        Setting("judges[].cache_time", .duration(.seconds(1)...(.seconds(86_400))), "10m", "For how long."),
        Setting(
            "judges[].text_bytes_max", .bytes(1_024...(1 << 20)), "32KiB",
            "Text of one question. A longer one makes up to \(Judge.questionsMax); what is longer still is a failure."),
        Setting("judges[].language", .text, "en", "What Presidio is told that texts are in."),
        Setting(
            "judges[].head", .file, nil,
            "The head of a judge by embeddings. See `steward filter train --embeddings`."),
    ]
}

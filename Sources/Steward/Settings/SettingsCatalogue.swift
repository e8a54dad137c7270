internal import Access
internal import Gateway
internal import Limits
internal import SharedLimits

/// Every setting but those of models.
enum SettingsCatalogue {
    static let all: [Setting] =
        gateway + http + resilience + desk + operation + database + records + limits + endUsers + budgets + sharedLimits
        + path

    static let byPath = Dictionary(uniqueKeysWithValues: all.map { ($0.path, $0) })

    private static let port = SettingKind.integer(0...65_535)
    private static let times = SettingKind.duration(.milliseconds(1)...(.seconds(86_400)))
    private static let sizes = SettingKind.bytes(1_024...(64 << 30))

    private static let gateway = [
        Setting(
            "gateway.host", .host, "127.0.0.1", "Where the gateway listens. `0.0.0.0` is every IPv4 address.", .restart),
        Setting("gateway.port", port, "8080", "Port of the gateway; 0 takes a free one.", .restart),
        Setting("gateway.threads", .integer(1...256), "1", "Event loops, one thread each.", .restart),
        Setting(
            "gateway.public_url", .url, nil,
            "The gateway's address as callers write it, without `/v1`. Without it, the address it listens on."),
        Setting(
            "gateway.tls.certificate_chain", .file, nil,
            "PEM file of the certificate and its chain. Read again when it changes. Needs `gateway.tls.private_key`.",
            .restart),
        Setting(
            "gateway.tls.private_key", .secretFile, nil,
            "PEM file of the certificate's private key. Needs `gateway.tls.certificate_chain`.", .restart),
        Setting(
            "gateway.trusted_proxies", .networks, "[]",
            "Proxies whose `x-forwarded-for` is believed. Anybody else's is ignored."),
        Setting(
            "gateway.observe_only", .flag, "false",
            "Decide and record, but enforce no guideline, filter or limit. Keys are checked all the same."),
        Setting("gateway.messages_max", .integer(1...1_000_000), "4096", "Messages of one chat request."),
        Setting("gateway.choices_max", .integer(1...1_024), "128", "Answers that one request may ask for (`n`)."),
    ]

    private static let http = [
        Setting(
            "gateway.http.connections_max", .integer(1...1_000_000), "10000",
            "Connections open at once; more are answered 503."),
        Setting("gateway.http.head_bytes_max", sizes, "32KiB", "Request line and header fields of one request."),
        Setting("gateway.http.header_fields_max", .integer(8...10_000), "100", "Header fields of one request."),
        Setting("gateway.http.body_bytes_max", sizes, "32MiB", "Body of one request."),
        Setting("gateway.http.answer_bytes_max", sizes, "32MiB", "One answer that is no stream."),
        Setting(
            "gateway.http.event_bytes_max", sizes, "1MiB",
            "One event of a streamed answer; in Anthropic's dialect also what the tools of open blocks are given."),
        Setting(
            "gateway.http.stream_texts_max", .integer(128...20_480), "512",
            "Texts of one streamed completion, all choices together: what they say, think and pass to tools."),
        Setting("gateway.http.bytes_in_flight_max", sizes, "256MiB", "All bodies held at once."),
        Setting("gateway.http.head_timeout", times, "10s", "From a head's first byte to its last."),
        Setting("gateway.http.body_timeout", times, "1m", "From the head to the end of the body."),
        Setting("gateway.http.keep_alive_timeout", times, "75s", "Between two requests of a connection."),
        Setting(
            "gateway.http.write_timeout", times, "1m", "How long a client that reads nothing may hold an answer up."),
        Setting(
            "gateway.http.drain_timeout", times, "30s", "How long running exchanges may take to end after SIGTERM.",
            .restart),
    ]

    private static let resilience = [
        Setting(
            "resilience.breaker_failures", .integer(0...1_000_000), "10",
            "Failures of an upstream within the window from which it is left alone; 0 never leaves one alone."),
        Setting(
            "resilience.breaker_percent", .integer(1...100), "50", "And failures in a hundred requests."),
        Setting("resilience.breaker_window", times, "30s", "The window in which they are counted."),
        Setting(
            "resilience.breaker_pause", times, "5s",
            "How long an upstream is left alone first; twice as long each time its next request fails, up to a minute."),
        Setting(
            "resilience.retry_percent", .integer(0...100), "20",
            "Requests in a hundred that may be sent to another upstream after one could not take them."),
        Setting(
            "resilience.hedge_percent", .integer(0...100), "5",
            "Requests in a hundred of a model with `hedge_after` that a second upstream may be sent too."),
        Setting(
            "resilience.queue_max", .integer(0...100_000), "256",
            "Requests that wait for an upstream's next free connection, on each event loop; sandbox ones fill half."),
        Setting("resilience.queue_timeout", times, "5s", "How long they wait."),
    ]

    private static let desk = [
        Setting("desk.host", .host, "127.0.0.1", "Where the desk (guidelines, pages, `/public/v1`) listens.", .restart),
        Setting("desk.port", port, "8081", "Port of the desk; 0 takes a free one.", .restart),
        Setting(
            "desk.public_url", .url, nil,
            "The desk's address as people write it, for links in refusals. Without it, the address it listens on."),
        Setting("desk.name", .text, "Steward", "What the deployment calls itself on its pages."),
        Setting("telemetry.host", .host, "127.0.0.1", "Where `/metrics` and `/health` listen.", .restart),
        Setting("telemetry.port", port, "8082", "Port of telemetry; 0 takes a free one.", .restart),
    ]

    private static let operation = [
        Setting(
            "data.dir", .folder, "./data", "Folder of the store, the journal and the digest key; mode 0700.", .restart),
        Setting(
            "log.format", .choice(["text", "json"]), "text", "How log lines look. They go to standard error.", .restart),
        Setting(
            "log.level", .choice(logLevels), "info",
            "From which level on something is logged. Nothing logs content or secrets at any level."),
        Setting("log.levels", .levels, "[]", "Levels of single loggers, such as `steward.gateway: debug`."),
        Setting(
            "keys.digest_key_file", .secretFile, nil,
            "File with the 64 hexadecimal digits that API keys are digested with, mode 0600. Without it and without "
                + "`keys.digest_key_env`, `digest.key` in the data folder, which is made when it is not there.",
            .restart),
        Setting(
            "keys.digest_key_env", .secretVariable, nil, "Variable that holds the digest key instead of a file.",
            .restart),
    ]

    private static let database = [
        Setting(
            "database.url", .databaseURL, nil,
            "PostgreSQL database that holds the store, and that several gateways may share. Without it, SQLite in the data "
                + "folder.", .restart),
        Setting(
            "database.password_env", .secretVariable, nil,
            "Variable that holds its password. Without it and a file, libpq's `PGPASSWORD` and `~/.pgpass`.", .restart),
        Setting("database.password_file", .secretFile, nil, "File that holds it instead.", .restart),
        Setting(
            "database.connections_max", .integer(1...256), "8",
            "Connections to PostgreSQL of one gateway that work; one more listens for changes.", .restart),
        Setting(
            "database.statement_timeout", .duration(.milliseconds(10)...(.seconds(3_600))), "30s",
            "How long one statement of PostgreSQL may take.", .restart),
    ]

    static let logLevels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]

    private static let records = [
        Setting(
            "records.durability", .choice(["crash", "power"]), "crash",
            "What a decision's record survives before its bytes leave: `crash`, the end of the process; `power`, a "
                + "power cut, at the price of a disk sync per batch.", .restart),
        Setting(
            "records.failure", .choice(["closed", "open"]), "closed",
            "When nothing can be recorded: `closed` answers 503; `open` serves without a record, and counts it."),
        Setting(
            "records.journal_bytes_max", .bytes((128 << 20)...(1 << 40)), "1GiB",
            "How far the journal may grow while the store is away.", .restart),
        Setting(
            "records.retention_days", .integer(1...36_500), "92",
            "Days that records are kept. Whole months go, so a record may stay for up to a month longer.", .restart),
        Setting(
            "records.usage_retention_days", .integer(1...36_500), "800", "Days that daily usage is kept.", .restart),
    ]

    private static let limitNames = [
        "requests_per_minute", "tokens_per_minute", "concurrent_requests", "tokens_per_day",
    ]

    private static let limits: [Setting] = [
        ("sandbox", "a sandbox application", ["20", "40000", "4", "500000"]),
        ("production", "a production application", ["3000", "2000000", "200", "500000000"]),
        ("organisation", "all applications of an organisation together", Array(repeating: "unlimited", count: 4)),
    ].flatMap { (scope: String, whose: String, values: [String]) in
        zip(limitNames, values).map {
            name, value in
            Setting(
                "limits.\(scope).\(name)", .limit, value,
                "\(name.replacing("_", with: " ").firstUppercased) of \(whose), unless it has its own limit.")
        }
    }

    private static let endUsers: [Setting] = ["sandbox", "production"].flatMap { stage in
        limitNames.map { name in
            Setting(
                "limits.\(stage).end_user.\(name)", .limit, "unlimited",
                "\(name.replacing("_", with: " ").firstUppercased) of each end user of a \(stage) application, told apart "
                    + "by `safety_identifier`, `user` or `metadata.user_id`.")
        } + [
            Setting(
                "limits.\(stage).require_end_user", .flag, "false",
                "Refuse requests of \(stage) applications that name no end user.")
        ]
    }

    private static let budgets: [Setting] =
        [
            ("sandbox", "a sandbox application"), ("production", "a production application"),
            ("organisation", "all applications of an organisation together"),
            ("sandbox.end_user", "each end user of a sandbox application"),
            ("production.end_user", "each end user of a production application"),
        ].flatMap { scope, whose in
            BudgetKind.allCases.map { kind in
                Setting(
                    "limits.\(scope).budget.\(kind.name)", kind.isInMoney ? .amount : .limit, "unlimited",
                    "\(kind.isInMoney ? "Money" : "Tokens") that \(whose) may spend in a "
                        + "\(kind.isOfDay ? "day" : "month") of the UTC calendar.")
            }
        } + [
            Setting(
                "limits.currency", .letters, "USD",
                "What prices and budgets are in. A name: changing it converts nothing.")
        ]

    private static let sharedLimits = [
        Setting(
            "limits.shared.host", .host, nil,
            "Redis server through which several processes share limits. Without it, each process keeps its own.",
            .restart),
        Setting("limits.shared.port", .integer(1...65_535), "6379", "Its port.", .restart),
        Setting("limits.shared.database", .integer(0...1_000_000), "0", "Number of the database there.", .restart),
        Setting("limits.shared.user", .text, nil, "User to sign in as; without one, the default user.", .restart),
        Setting("limits.shared.password_env", .secretVariable, nil, "Variable that holds the password.", .restart),
        Setting("limits.shared.password_file", .secretFile, nil, "File that holds it instead.", .restart),
        Setting(
            "limits.shared.namespace", .text, "steward",
            "What keys begin with. Processes share limits when it is the same.", .restart),
        Setting(
            "limits.shared.away", .choice(AwayPolicy.allCases.map(\.rawValue)), "closed",
            "While Redis is away: `closed` answers 503 what no lease covers; `local_share` admits in each process the "
                + "rate divided by `limits.shared.processes`.", .restart),
        Setting(
            "limits.shared.processes", .integer(1...10_000), "2",
            "How many processes share the limits, for `local_share`.", .restart),
        Setting(
            "limits.shared.lease_percent", .integer(0...50), "5",
            "The most of a limit that a process may hold unused, in hundredths. More needs fewer round trips.", .restart
        ),
        Setting(
            "limits.shared.lease_time", .duration(.seconds(1)...(.seconds(60))), "3s",
            "After how long what a killed process held counts as used.", .restart),
        Setting(
            "limits.shared.timeout", .duration(.milliseconds(5)...(.seconds(1))), "30ms",
            "How long a call may take; three late ones in a row, and Redis is not asked for a while.", .restart),
    ]

    private static let path = [
        Setting(
            "filter.classifier", .file, nil,
            "A classifier in place of the shipped one. See `steward filter train`."),
        Setting(
            "filter.rules", .files, "[]", "Further rule files, beside the shipped ones. See `steward filter check`."),
        Setting(
            "filter.policy", .file, nil,
            "What applications want stricter, which texts are allowed, which rules only record. See "
                + "[Tune the filter](../guides/tune-the-filter.md)."),
        Setting(
            "filter.hold_back_bytes_max", .integer(64...4_096), "512",
            "The most bytes that a stream may hold back because a rule might still match."),
        Setting(
            "filter.hold_back_time_max", .duration(.milliseconds(10)...(.seconds(3_600))), nil,
            "How long a stream may say nothing for that reason. Then what is held leaves, and what it becomes ends the "
                + "stream or is taken out of the rest. Without it, text waits as long as the upstream may take."),
        Setting(
            "samples.key_env", .secretVariable, nil,
            "Variable with the 64 hexadecimal digits under which texts of samples are sealed. With it, or a file, texts are "
                + "drawn for people to judge; without, none is kept. See "
                + "[Judge samples](../guides/judge-samples.md).", .restart),
        Setting("samples.key_file", .secretFile, nil, "File that holds them instead.", .restart),
        Setting(
            "samples.found_per_million", .integer(0...1_000_000), "10000",
            "Of a million texts in which a rule finds something, so many are drawn.", .restart),
        Setting(
            "samples.unsure_per_million", .integer(0...1_000_000), "10000",
            "The same of texts with a score near a rule's threshold.", .restart),
        Setting("samples.others_per_million", .integer(0...1_000_000), "100", "The same of all others.", .restart),
        Setting(
            "samples.text_bytes_max", .bytes(256...(1 << 20)), "16KiB", "The most that is kept of a text.", .restart),
        Setting("samples.texts_max", .integer(1...1_000_000), "10000", "The most texts that are kept.", .restart),
        Setting(
            "samples.retention_days", .integer(1...365), "30",
            "Days after which a text is erased. What was judged of it stays.", .restart),
        Setting("guidelines.file", .file, nil, "Guidelines in place of the shipped ones. See `steward guidelines`."),
        Setting(
            "headers.to_upstream", .headerNames,
            "[anthropic-beta, anthropic-version, openai-beta, traceparent, tracestate]",
            "Request headers that reach the upstream. A value of more than 512 bytes, or with 12 or more digits that only "
                + "blanks, dots or hyphens part, is left out; a W3C `traceparent` always passes."),
        Setting(
            "headers.to_caller", .headerNames, "[openai-processing-ms, openai-version]",
            "Answer headers that reach the caller, by the same rule."),
        Setting(
            "rehearsal.enabled", .flag, nil,
            "Serve the rehearsal model, which is no model, beside the others. Without a word here it is served when no "
                + "model is configured."),
    ]
}

/// Settings of models and their upstreams: lists, so in the file alone.
enum ModelCatalogue {
    static let model = [
        Setting("models[].name", .text, nil, "Required. The model's name as callers write it."),
        Setting("models[].aliases", .texts, "[]", "Further names for it."),
        Setting(
            "models[].output_tokens_default", .integer(1...10_000_000), "4096",
            "Output cap of a request that names none; sent to the upstream, and reserved."),
        Setting(
            "models[].output_tokens_max", .integer(1...10_000_000), "131072", "The largest cap that a request may name."
        ),
        Setting(
            "models[].admit_unscreened", .choices(Unscreenable.allCases.map(\.rawValue)), "[]",
            "What no filter can read and callers may send all the same; recorded as not evaluated."),
        Setting(
            "models[].hedge_after", .duration(.milliseconds(10)...(.seconds(3_600))), nil,
            "How long an upstream may be silent before a second one is sent a request too, whose answer is no stream. The "
                + "work is done, and paid for, twice. Without it, never."),
    ]

    static let price = [
        Setting("models[].price.input", .price, nil, "Price of a million tokens of prompts."),
        Setting("models[].price.output", .price, nil, "Price of a million tokens of answers."),
        Setting(
            "models[].price.cached_input", .price, nil,
            "Price of a million tokens of prompts that the server says were in its cache; without it, that of `input`."),
        Setting(
            "models[].price.cache_write", .price, nil,
            "Price of a million tokens of prompts that the server says it put into its cache; without it, that of `input`."
        ),
    ]

    /// All of one model but its upstreams.
    static let wholeModel = model + price

    /// Those that only `serve` and the checks of settings need.
    static let credentials: Set<String> = ["credential_env", "credential_file"]

    static let upstream = [
        Setting(
            "models[].upstreams[].name", .text, nil,
            "Name in records, metrics and logs; unique. Without it, the model's name and a number."),
        Setting(
            "models[].upstreams[].url", .url, nil, "Required. The server's base address, without `/v1`."),
        Setting(
            "models[].upstreams[].credential_env", .secretVariable, nil,
            "Variable that holds the server's API key."),
        Setting("models[].upstreams[].credential_file", .secretFile, nil, "File that holds it instead."),
        Setting(
            "models[].upstreams[].credential_field", .choice(CredentialField.allCases.map(\.rawValue)), "authorization",
            "Header field that it is sent in: `authorization` as bearer token, or `x-api-key`, as Anthropic wants it."),
        Setting(
            "models[].upstreams[].model", .text, nil, "What the server calls the model; the caller's name without it."),
        Setting("models[].upstreams[].priority", .integer(0...1_000), "0", "The lowest is tried first."),
        Setting("models[].upstreams[].weight", .integer(1...1_000), "1", "Share among upstreams of one priority."),
        Setting(
            "models[].upstreams[].dialects", .choices(Dialect.allCases.map(\.rawValue)),
            "[\(Dialect.allCases.map(\.rawValue).joined(separator: ", "))]", "What the server speaks."),
        Setting(
            "models[].upstreams[].connections_max", .integer(1...65_536), "1024", "Connections of each event loop."),
        Setting(
            "models[].upstreams[].authorities_file", .file, nil,
            "PEM file of further authorities to trust; without it, the system's."),
    ]

    static let timeouts = [
        ("connect", "5s", "Until the connection is there."),
        ("first_byte", "2m", "From handing the request to a connection to the answer's first byte."),
        ("idle", "1m", "Between two pieces of an answer."),
        ("total", "10m", "Of the whole answer."),
    ].map { name, fallback, summary in
        Setting(
            "models[].upstreams[].timeouts.\(name)", .duration(.milliseconds(1)...(.seconds(86_400))), fallback, summary
        )
    }

    static let health = [
        Setting(
            "models[].upstreams[].health.interval", .duration(.milliseconds(100)...(.seconds(3_600))), nil,
            "How often the server is asked whether it is well, give or take a tenth. Without it, never."),
        Setting(
            "models[].upstreams[].health.path", .requestPath, "/v1/models",
            "What is asked for, below the server's base address."),
        Setting(
            "models[].upstreams[].health.timeout", .duration(.milliseconds(10)...(.seconds(60))), "2s",
            "How long an answer may take."),
        Setting(
            "models[].upstreams[].health.status", .integer(200...499), "200",
            "Status of the answer of a server that is well."),
        Setting(
            "models[].upstreams[].health.unhealthy_after", .integer(1...100), "3",
            "Failed checks in a row after which it is left alone."),
        Setting(
            "models[].upstreams[].health.healthy_after", .integer(1...100), "2",
            "Passed checks in a row after which it is asked again."),
    ]

    /// All of one upstream, its sections included.
    static let wholeUpstream = upstream + timeouts + health
}

extension String {
    var firstUppercased: String { prefix(1).uppercased() + dropFirst() }
}

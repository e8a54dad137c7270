internal import JSON

/// Where answers of OpenAI's completion dialects keep what the gateway reads and writes.
struct CompletionTree {
    let dialect: Dialect
    let document: JSONDocument

    /// Tokens as the upstream counted them. Nonsense is read as nothing, so that it can't be charged.
    var usage: Usage? {
        guard let usage = document.member("usage", of: document.root), document.kind(usage) == .object else {
            return nil
        }
        func count(_ name: StaticString) -> Int? {
            document.member(name, of: usage).flatMap(document.int).flatMap {
                (0...Int(Int32.max)).contains($0) ? $0 : nil
            }
        }
        guard let input = count("prompt_tokens") else { return nil }
        return Usage(input: input, output: count("completion_tokens") ?? 0)
    }

    var choices: JSONDocument.Elements? {
        guard let choices = document.member("choices", of: document.root), document.kind(choices) == .array else {
            return nil
        }
        return document.elements(of: choices)
    }

    /// A server may say 200 and then that it failed.
    var saysError: Bool {
        guard let error = document.member("error", of: document.root) else { return false }
        return !document.isNull(error)
    }

    /// Replaces what each answer says by nothing, ended by the content filter.
    func withhold(into edits: inout JSONEdits) {
        guard let choices else { return }
        for choice in choices {
            switch dialect {
            case .chatCompletions:
                edits.setMember("message", raw: Array(#"{"role":"assistant","content":""}"#.utf8), of: choice)
            default:
                edits.setMember("text", raw: Array(#""""#.utf8), of: choice)
            }
            if document.member("logprobs", of: choice) != nil {
                edits.setMember("logprobs", raw: Array("null".utf8), of: choice)
            }
            edits.setMember("finish_reason", raw: Array(#""content_filter""#.utf8), of: choice)
        }
    }

    /// Takes the log-probabilities out of every answer of which something was redacted: they spell the text again.
    func dropLogProbabilities(besides edits: inout JSONEdits) {
        guard let choices else { return }
        for choice in choices where document.member("logprobs", of: choice) != nil {
            edits.setMember("logprobs", raw: Array("null".utf8), of: choice)
        }
    }
}

internal import Filtering
internal import JSON

/// A question to a model that chats: how it is laid out is the business of the chat template that its server has.
struct ChatQuestion {
    let judge: Judge
    let question: JudgeQuestion
    /// What is said first, as the system.
    var system: String?
    /// Tokens of the answer.
    var tokensMax = 32

    /// - Parameter more: writes further members.
    func body(_ more: (inout JSONWriter) -> Void = { _ in }) -> [UInt8] {
        var writer = JSONWriter(capacity: question.text.count + question.prompt.count + 512)
        writer.object { writer in
            judge.writeModel(into: &writer)
            writer.key("messages" as StaticString)
            writer.array { writer in
                if let system { write("system", Array(system.utf8), into: &writer) }
                if question.side == .prompt {
                    write("user", question.text, into: &writer)
                } else {
                    write("user", question.prompt, into: &writer)
                    write("assistant", question.text, into: &writer)
                }
            }
            writer.key("temperature" as StaticString)
            writer.int(0)
            writer.key("max_tokens" as StaticString)
            writer.int(tokensMax)
            more(&writer)
        }
        return writer.bytes
    }

    private func write(_ role: StaticString, _ content: [UInt8], into writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("role" as StaticString)
            writer.string("\(role)")
            writer.key("content" as StaticString)
            writer.string(utf8: content)
        }
    }

    static let path = "/v1/chat/completions"
}

extension JSONDocument {
    /// What the model said, without blanks around it.
    func chatAnswer() throws(JudgeFailure) -> String {
        guard let choices = member("choices", of: root), count(of: choices) == 1,
            let choice = elements(of: choices).first(where: { _ in true }),
            let message = member("message", of: choice), let node = member("content", of: message),
            let content = string(node)
        else { throw .malformed("no choice with a content") }
        return content.trimmed
    }
}

extension String {
    /// Without blanks and line ends at either end.
    var trimmed: String {
        let blanks: Set<Character> = [" ", "\n", "\r", "\r\n", "\t"]
        guard let first = firstIndex(where: { !blanks.contains($0) }),
            let last = lastIndex(where: { !blanks.contains($0) })
        else { return "" }
        return String(self[first...last])
    }

    /// Lines that say something, trimmed.
    var sayingLines: [String] { split(whereSeparator: \.isNewline).map { String($0).trimmed }.filter { !$0.isEmpty } }
}

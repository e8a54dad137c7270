/// What two readers disagree about, judged from our side.
///
/// That we refuse more than llhttp is allowed; that we read on where it stopped, or read something else, is not: the
/// one behind us might read as llhttp does.
struct Comparison {
    let ours: Reading
    let theirs: Reading

    /// A disagreement by which a message could be smuggled; `nil` where there is none.
    var danger: String? {
        for (index, message) in ours.messages.enumerated() {
            guard index < theirs.messages.count else {
                // llhttp knows some methods only, by their exact names; we answer 405 to all others.
                if refusal == "invalid HTTP method", !message.isMethodKnown { return nil }
                return "a head accepted that llhttp refused: \(refusal)"
            }
            let other = theirs.messages[index]
            guard message.head == other.head else { return "another head" }
            if message.keepsAlive, !other.keepsAlive { return "a connection kept that llhttp would close" }
            if message.isComplete {
                guard other.isComplete else { return "a message ended that did not end for llhttp: \(refusal)" }
                guard message.body == other.body else { return "another body" }
            } else if ours.refusal == nil, theirs.refusal == nil {
                guard message.body == other.body, !other.isComplete else { return "a body that ends elsewhere" }
            } else {
                let isPrefix = message.body.starts(with: other.body) || other.body.starts(with: message.body)
                guard isPrefix else { return "a body that begins otherwise" }
            }
        }
        guard ours.refusal == nil, !ours.isClosed, theirs.refusal == nil else { return nil }
        return ours.messages.count == theirs.messages.count ? nil : "another number of messages"
    }

    /// Why we refused what llhttp took as a whole; `nil` where we did not.
    var strictness: String? {
        theirs.refusal == nil ? ours.refusal : nil
    }

    private var refusal: String { theirs.refusal ?? "it waits for more" }
}

extension Reading.Message {
    fileprivate var isMethodKnown: Bool {
        let method = String(decoding: head.prefix { $0 != 0x20 }, as: UTF8.self)
        return WireWriter.methods.contains(method)
    }
}

extension [UInt8] {
    /// Legible in a test's message: what is no printable ASCII as an escape.
    var legible: String {
        reduce(into: "") { text, byte in
            switch byte {
            case 0x0D: text += "\\r"
            case 0x0A: text += "\\n"
            case 0x20...0x7E: text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "\\x" + String(byte, radix: 16)
            }
        }
    }
}

internal import Storage

/// The header fields of answers, which are the same whatever stage made the answer.
struct AnswerHeads: Sendable {
    let observesOnly: Bool
    private let passed: FieldNames
    let addresses: PublicAddresses

    init(observesOnly: Bool, headers: HeaderSettings, addresses: PublicAddresses) {
        self.observesOnly = observesOnly
        passed = FieldNames(headers.toCaller)
        self.addresses = addresses
    }

    /// An answer that a model gave.
    func whole(_ trace: Trace, body: [UInt8], upstream: HeadFields?) -> Answer {
        var answer = Answer(status: 200)
        append(trace, to: &answer.fields)
        trace.limits.append(to: &answer.fields)
        if let upstream { passed.copy(from: upstream, to: &answer.fields) }
        answer.body = body
        return answer
    }

    /// The head of a stream that a model gave.
    func stream(_ trace: Trace, upstream: HeadFields) -> Answer {
        var answer = Answer(status: 200, contentType: "text/event-stream; charset=utf-8")
        append(trace, to: &answer.fields)
        trace.limits.append(to: &answer.fields)
        answer.fields.append("cache-control", "no-cache")
        passed.copy(from: upstream, to: &answer.fields)
        return answer
    }

    private func append(_ trace: Trace, to fields: inout WrittenFields) {
        fields.appendRequestID(trace.id)
        if observesOnly { fields.append("x-steward-observe-only", "true") }
    }

    /// What tells a caller that it was refused or that the model failed: in the shape of OpenAI's errors.
    func error(_ exit: PathExit, _ trace: Trace) -> Answer {
        let error = CallerError(exit, trace: trace, addresses: addresses)
        var answer = Answer(status: error.status)
        append(trace, to: &answer.fields)
        trace.limits.append(to: &answer.fields)
        if let seconds = error.retryAfterSeconds { answer.fields.append("retry-after", seconds) }
        if let shouldRetry = error.shouldRetry {
            answer.fields.append("x-should-retry", shouldRetry ? "true" as StaticString : "false")
        }
        if case .refused(let refusal) = exit, case .methodNotAllowed(let allowed) = refusal.reason {
            answer.fields.append("allow", allowed)
        }
        answer.body = error.body
        return answer
    }

    /// The same as an event of a stream that has begun.
    func errorEvent(_ exit: PathExit, _ trace: Trace) -> [UInt8] {
        Array("data: ".utf8) + CallerError(exit, trace: trace, addresses: addresses).body + Array("\n\n".utf8)
    }
}

/// Where the public finds what refusals point to.
package struct PublicAddresses: Sendable {
    /// Of the desk, without a slash at its end.
    package var desk: String

    package init(desk: String) {
        self.desk = desk
    }

    func clause(_ id: String) -> String { "\(desk)/guidelines#\(id)" }
}

extension WrittenFields {
    mutating func appendRequestID(_ id: RecordID) {
        append("x-request-id", id)
    }
}

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
    func whole(_ trace: Trace, _ judged: Judged, upstream: HeadFields?) -> Answer {
        var answer = Answer(status: 200, contentType: judged.contentType)
        append(trace, to: &answer.fields)
        trace.limits.append(to: &answer.fields, as: trace.api, at: trace.at)
        if let upstream { passed.copy(from: upstream, to: &answer.fields) }
        answer.body = judged.body
        return answer
    }

    /// The head of a stream that a model gave.
    func stream(_ trace: Trace, upstream: HeadFields) -> Answer {
        var answer = Answer(status: 200, contentType: "text/event-stream; charset=utf-8")
        append(trace, to: &answer.fields)
        trace.limits.append(to: &answer.fields, as: trace.api, at: trace.at)
        answer.fields.append("cache-control", "no-cache")
        passed.copy(from: upstream, to: &answer.fields)
        return answer
    }

    private func append(_ trace: Trace, to fields: inout WrittenFields) {
        fields.appendRequestID(trace.id)
        if trace.api == .anthropic { fields.append("request-id", trace.id) }
        if observesOnly { fields.append("x-steward-observe-only", "true") }
    }

    /// What tells a caller that it was refused or that the model failed, in the shape of its API's errors.
    func error(_ exit: PathExit, _ trace: Trace) -> Answer {
        let error = CallerError(exit, trace: trace, addresses: addresses)
        var answer = Answer(status: error.status)
        append(trace, to: &answer.fields)
        trace.limits.append(to: &answer.fields, as: trace.api, at: trace.at)
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
        let isNamed = trace.asked?.dialect.traits.namesEvents ?? false
        let error = CallerError(exit, trace: trace, addresses: addresses, isEvent: isNamed)
        return Array(isNamed ? "event: error\ndata: ".utf8 : "data: ".utf8) + error.body + Array("\n\n".utf8)
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

internal import Access
internal import JSON
internal import Limits
internal import Storage

/// Tells which end user a request is made for, as a digest: the identifier itself is looked at and forgotten.
struct EndUserReader: Sendable {
    private let digester: KeyDigester

    init(digester: KeyDigester) {
        self.digester = digester
    }

    /// The limits that the request must keep: those of its key, and of its end user where the application's have some.
    func subjects(_ request: Parsed, _ limits: EndUserLimits) throws(PathExit) -> LimitSubjects {
        let key = request.caller.key
        guard let id = id(of: request, application: key.application) else {
            if limits.isRequired, request.dialect.namesEndUsers {
                throw .refused(Refusal(.endUserMissing(param: request.dialect.endUserPlace)))
            }
            return key.limits
        }
        return limits.areLimited ? key.limits.with(endUser: limits.subject(id)) : key.limits
    }

    /// 64 bits of HMAC-SHA256 over the application's id and the identifier, so that the same person is another subject in
    /// each application; `nil` where none is named. Of *n* users, two are one with probability n² / 2⁶⁵.
    ///
    /// The text that is digested begins as no key does, since the digest key serves for both.
    private func id(of request: Parsed, application: ApplicationID) -> UInt64? {
        guard let node = Self.identifier(in: request) else { return nil }
        var text = Array("end user\0".utf8)
        withUnsafeBytes(of: (application.high.bigEndian, application.low.bigEndian)) { text += $0 }
        let prefix = text.count
        request.document.appendUTF8(of: node, to: &text)
        guard text.count > prefix else { return nil }
        return text.withUnsafeBufferPointer { digester.digest($0) }.firstWord
    }

    /// Where the identifier stands, which was seen to be a string when the request was read; `nil` where it has none.
    private static func identifier(in request: Parsed) -> JSONNode? {
        let reader = FieldReader(request.document)
        guard request.dialect.traits.api == .anthropic else {
            return reader.member("safety_identifier") ?? reader.member("user")
        }
        guard let metadata = reader.member("metadata"),
            let user = reader.document.member("user_id", of: metadata), !reader.document.isNull(user)
        else { return nil }
        return user
    }
}

extension Dialect {
    /// Whether its requests have a place for an end user.
    fileprivate var namesEndUsers: Bool {
        switch self {
        case .tokenCounts, .transcriptions: false
        default: true
        }
    }

    fileprivate var endUserPlace: StaticString {
        traits.api == .anthropic ? "metadata.user_id" : "safety_identifier"
    }
}

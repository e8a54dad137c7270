internal import Foundation
package import HTTPTypes

/// What went wrong with a request, for its sender: JSON by RFC 9457 for programs, a page for people.
package struct Problem: Error, Sendable, Hashable {
    package var status: HTTPResponse.Status
    /// Stable and documented, such as `key_not_live`.
    package var code: String
    /// What happened, with field, value and limit. One sentence.
    package var title: String
    /// What to do about it.
    package var detail: String
    package var headers: HTTPFields

    package init(
        _ status: HTTPResponse.Status, code: String, title: String, detail: String, headers: HTTPFields = [:]
    ) {
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.headers = headers
    }

    /// The JSON members, encoded. `type` is a name, not an address: codes are looked up in the reference.
    func json(requestID: String) -> [UInt8] {
        let body = Body(
            type: "urn:steward:problem:\(code)", title: title, status: status.code, detail: detail, code: code,
            requestID: requestID)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Strings and an integer always encode; an empty object would still be a valid problem.
        let data = (try? encoder.encode(body)) ?? Data("{}".utf8)
        return Array(data) + [0x0A]
    }

    private struct Body: Encodable {
        let type: String
        let title: String
        let status: Int
        let detail: String
        let code: String
        let requestID: String

        enum CodingKeys: String, CodingKey {
            case type, title, status, detail, code
            case requestID = "request_id"
        }
    }
}

/// An error that knows what to tell the client.
package protocol ProblemConvertible: Error {
    var problem: Problem { get }
}

extension Problem: ProblemConvertible {
    package var problem: Problem { self }
}

extension Problem {
    static let noSuchPage = Problem(
        .notFound, code: "not_found", title: "There is nothing at this address.",
        detail: "Check the address for typing errors, or start from the home page.")

    /// What a client learns of an error that nobody foresaw.
    static let unexpected = Problem(
        .internalServerError, code: "internal_error", title: "The request could not be completed.",
        detail: "Try again. If it happens again, give the operator the request id.")

    /// The store is away, or held by another process. What was asked has not been done.
    package static let storeUnavailable = Problem(
        .serviceUnavailable, code: "store_unavailable", title: "The store can't be used at present.",
        detail: "Try again in a moment.", headers: [.retryAfter: "2"])

    package static func bodyTooLarge(bytesMax: Int) -> Problem {
        Problem(
            .contentTooLarge, code: "body_too_large", title: "The body is larger than \(bytesMax) bytes.",
            detail: "Send a smaller body.")
    }

    static let timedOut = Problem(
        .serviceUnavailable, code: "request_timeout", title: "The request took longer than the desk allows.",
        detail: "Try again later.", headers: [.retryAfter: "5"])
}

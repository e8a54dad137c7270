internal import Foundation
package import HTTPTypes
package import Hummingbird

/// A value as JSON that nobody keeps, with the names that commands print.
package struct JSONAnswer: ResponseGenerator {
    private let bytes: [UInt8]
    private let headers: HTTPFields

    /// - Throws: what the encoder says of a value that is no JSON.
    package init(_ value: some Encodable, headers: HTTPFields = [:]) throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        bytes = Array(try encoder.encode(value)) + [0x0A]
        self.headers = headers
    }

    package func response(from request: Request, context: some RequestContext) -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        headers[.cacheControl] = "no-store"
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

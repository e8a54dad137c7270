package import HTTPTypes
package import Hummingbird

/// Bytes that a client may keep: answered with `ETag` and `Cache-Control`, or by 304 if the client has them.
package struct Representation: Sendable {
    package let bytes: [UInt8]
    package var contentType: String
    package let tag: EntityTag
    package var cacheControl: String
    package var headers: HTTPFields

    package init(
        _ bytes: [UInt8], contentType: String, cacheControl: String = "no-cache", headers: HTTPFields = [:]
    ) {
        self.bytes = bytes
        self.contentType = contentType
        tag = EntityTag(of: bytes)
        self.cacheControl = cacheControl
        self.headers = headers
    }
}

extension Representation: ResponseGenerator {
    package func response(from request: Request, context: some RequestContext) -> Response {
        var headers = headers
        headers[.eTag] = tag.description
        headers[.cacheControl] = cacheControl
        if tag.matches(ifNoneMatch: request.headers) {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = contentType
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

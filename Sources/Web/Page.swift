package import HTTPTypes
package import Hummingbird

/// What a desk shows: a title and the content of `main`; the site's layout goes around it.
package struct Page: Sendable {
    /// Of the browser's window; the site's name is added.
    package var title: String
    package var main: SafeHTML
    package var status: HTTPResponse.Status = .ok
    package var headers: HTTPFields = [:]
    /// How long it may be kept. With it the page has an `ETag` and answers `If-None-Match`; without it nobody keeps it.
    package var cacheControl: String?

    package init(title: String, main: SafeHTML, cacheControl: String? = nil) {
        self.title = title
        self.main = main
        self.cacheControl = cacheControl
    }
}

extension Page: ResponseGenerator {
    /// - Precondition: the context is a desk's, which knows the site.
    package func response(from request: Request, context: some RequestContext) -> Response {
        guard let site = (context as? any SiteContext)?.site else {
            preconditionFailure("pages are answered on a desk's router")
        }
        return response(from: request, site: site, context: context)
    }

    func response(from request: Request, site: Site, context: some RequestContext) -> Response {
        let bytes = site.document(self, at: request.uri.path)
        let contentType = "text/html; charset=utf-8"
        if let cacheControl, status == .ok {
            return Representation(bytes, contentType: contentType, cacheControl: cacheControl, headers: headers)
                .response(from: request, context: context)
        }
        var headers = headers
        headers[.contentType] = contentType
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

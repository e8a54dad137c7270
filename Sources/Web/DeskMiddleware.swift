internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Snapshots
internal import Storage

/// Gives each request an id, the time, the site and the body's bound; puts the id on the answer.
struct EdgeMiddleware: RouterMiddleware {
    let site: Snapshot<Site>
    let bodyBytesMax: Int
    let now: @Sendable () -> Timestamp

    func handle(
        _ request: Request, context: DeskContext,
        next: (Request, DeskContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.site = site.current
        context.receivedAt = now()
        context.requestID = RecordID(at: context.receivedAt)
        context.maxUploadSize = bodyBytesMax
        context.logger[metadataKey: "request_id"] = .stringConvertible(context.requestID)
        var response = try await next(request, context)
        response.headers[.xRequestID] = context.requestID.description
        return response
    }
}

/// The headers that keep browsers from doing what our pages never need.
///
/// Source: https://owasp.org/www-project-secure-headers/
struct SecurityHeadersMiddleware<Context: RequestContext>: RouterMiddleware {
    static var contentSecurityPolicy: String {
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        response.headers[.contentSecurityPolicy] = Self.contentSecurityPolicy
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers[.referrerPolicy] = "same-origin"
        response.headers[.crossOriginOpenerPolicy] = "same-origin"
        response.headers[.crossOriginResourcePolicy] = "same-origin"
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        return response
    }
}

/// The one place where a desk's errors become HTTP.
struct ProblemMiddleware: RouterMiddleware {
    func handle(
        _ request: Request, context: DeskContext,
        next: (Request, DeskContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            return response(to: problem(of: error, context: context), request, context)
        }
    }

    private func problem(of error: any Error, context: DeskContext) -> Problem {
        switch error {
        case let error as any ProblemConvertible:
            return error.problem
        case is CancellationError:
            return .timedOut
        case let error as HTTPError where error.status == .notFound:
            return .noSuchPage
        case let error as HTTPError where error.status == .contentTooLarge:
            return .bodyTooLarge(bytesMax: context.maxUploadSize)
        case let error as HTTPError where error.status.kind == .clientError:
            return Problem(
                error.status, code: "bad_request", title: "The request could not be read.",
                detail: error.body ?? "Compare it with the reference.", headers: error.headers)
        case let error as StorageError where error.isPassing:
            context.logger.warning("The store can't be used.", metadata: ["error": "\(error)"])
            return .storeUnavailable
        default:
            context.logger.error("A request failed unexpectedly.", metadata: ["error": "\(error)"])
            return .unexpected
        }
    }

    private func response(to problem: Problem, _ request: Request, _ context: DeskContext) -> Response {
        let id = context.requestID.description
        if let site = context.site, Accept.prefersHTML(request.headers[.accept]) {
            var response = site.page(for: problem, requestID: id).response(from: request, site: site, context: context)
            response.headers[.vary] = "accept"
            return response
        }
        var headers = problem.headers
        headers[.contentType] = "application/problem+json"
        headers[.vary] = "accept"
        let body = ByteBuffer(bytes: problem.json(requestID: id))
        return Response(status: problem.status, headers: headers, body: ResponseBody(byteBuffer: body))
    }
}

extension StorageError {
    /// Whether nothing was done, and it may work a moment later.
    fileprivate var isPassing: Bool {
        switch self {
        case .busy, .schemaBusy, .unavailable, .timedOut, .overloaded, .closed: true
        default: false
        }
    }
}

/// Refuses a body announced as too large before reading it; one that isn't announced is cut where it is read.
struct BodyBoundMiddleware: RouterMiddleware {
    func handle(
        _ request: Request, context: DeskContext,
        next: (Request, DeskContext) async throws -> Response
    ) async throws -> Response {
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > context.maxUploadSize {
            throw Problem.bodyTooLarge(bytesMax: context.maxUploadSize)
        }
        return try await next(request, context)
    }
}

extension HTTPField.Name {
    static let xRequestID = Self("x-request-id")!
    static let referrerPolicy = Self("Referrer-Policy")!
    static let crossOriginOpenerPolicy = Self("Cross-Origin-Opener-Policy")!
}

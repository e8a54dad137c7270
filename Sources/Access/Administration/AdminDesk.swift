package import HTTPTypes
package import Hummingbird
internal import Limits
internal import Logging
internal import Storage
package import Web

/// A desk's routes under `/admin/v1`.
package protocol AdminRoutes: Sendable {
    func addRoutes(to router: inout AdminRouter)
}

/// A route under `/admin/v1`, and what its caller must be allowed.
package struct AdminRoute: Sendable, Hashable {
    package let method: String
    /// Behind `/admin/v1`, such as `/filter/samples/{id}`.
    package let path: String
    package let action: AdminAction
}

/// Takes routes under `/admin/v1`, none without an action that its caller must be allowed.
package struct AdminRouter {
    private let group: RouterGroup<AdminContext>

    package private(set) var routes: [AdminRoute] = []

    fileprivate init(_ group: RouterGroup<AdminContext>) { self.group = group }

    /// Those of some desks, for documents and tests.
    package static func routes(of desks: [any AdminRoutes]) -> [AdminRoute] {
        var router = AdminRouter(Router(context: AdminContext.self).group())
        for desk in desks { desk.addRoutes(to: &router) }
        return router.routes
    }

    package mutating func on(
        _ method: HTTPRequest.Method, _ path: RouterPath, _ action: AdminAction,
        use handler: @escaping @Sendable (Request, AdminContext) async throws -> some ResponseGenerator
    ) {
        routes.append(AdminRoute(method: method.rawValue, path: path.description, action: action))
        group.on(path, method: method) { request, context in
            guard context.identity.role.may(action) else {
                context.logger.notice(
                    "An administrative request was refused.",
                    metadata: ["code": "role_not_allowed", "action": .string(action.rawValue)])
                throw AdminRefusal.roleNotAllowed(context.identity.role, action)
            }
            return try await handler(request, context)
        }
    }
}

/// `/admin/v1`: what desks let programs administer, behind one gate.
package struct AdminDesk: DeskRoutes {
    let authenticator: AdminAuthenticator
    let desks: [any AdminRoutes]

    package init(_ authenticator: AdminAuthenticator, desks: [any AdminRoutes]) {
        self.authenticator = authenticator
        self.desks = desks
    }

    package func addRoutes(to router: Router<DeskContext>) {
        router.add(middleware: AdminUnknownMiddleware(authenticator: authenticator))
        let gate = router.group("admin/v1", context: AdminGateContext.self)
        gate.add(middleware: AdminGate(authenticator: authenticator))
        var admin = AdminRouter(gate.group(context: AdminContext.self))
        for desk in desks { desk.addRoutes(to: &admin) }
    }
}

/// Lets only those with a live token through.
private struct AdminGate: RouterMiddleware {
    let authenticator: AdminAuthenticator

    func handle(
        _ request: Request, context: AdminGateContext,
        next: (Request, AdminGateContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.identity = try await authenticator.identify(
            request.headers, from: context.peer, at: context.receivedAt, logger: context.logger)
        return try await next(request, context)
    }
}

/// Says of addresses that do not exist only to those with a token that they don't.
private struct AdminUnknownMiddleware: RouterMiddleware {
    let authenticator: AdminAuthenticator

    func handle(
        _ request: Request, context: DeskContext,
        next: (Request, DeskContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            if request.uri.path.split(separator: "/").starts(with: ["admin", "v1"]) {
                _ = try await authenticator.identify(
                    request.headers, from: context.peer, at: context.receivedAt, logger: context.logger)
            }
            throw error
        }
    }
}

extension AdminAuthenticator {
    /// The same, and a line in the log of who was not let in.
    fileprivate func identify(
        _ fields: HTTPFields, from peer: String?, at time: Timestamp, logger: Logger
    ) async throws -> AdminIdentity {
        do {
            return try await identify(fields, from: peer, at: time, .now)
        } catch let refusal as AdminRefusal {
            var metadata: Logger.Metadata = ["code": .string(refusal.problem.code)]
            if let token = refusal.token { metadata["token"] = .stringConvertible(token) }
            logger.notice("An administrative request was refused.", metadata: metadata)
            throw refusal
        }
    }
}

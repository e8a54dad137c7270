package import Hummingbird
package import Snapshots
package import Storage

/// A desk's routes and pages.
package protocol DeskRoutes: Sendable {
    func addRoutes(to router: Router<DeskContext>)
}

/// The router of all desks: ids, headers, problems and bounds first, then assets, then what the desks add.
package enum DeskRouter {
    /// - Parameters:
    ///   - site: read anew for each request.
    ///   - settings: bounds of bodies and times.
    ///   - now: the wall clock, read once a request.
    package static func make(
        site: Snapshot<Site>, settings: ListenerSettings, desks: [any DeskRoutes],
        now: @escaping @Sendable () -> Timestamp = { Timestamp.now }
    ) -> Router<DeskContext> {
        let router = Router(context: DeskContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: EdgeMiddleware(site: site, bodyBytesMax: settings.bodyBytesMax, now: now))
        router.add(middleware: SecurityHeadersMiddleware())
        router.add(middleware: ProblemMiddleware())
        router.add(middleware: BodyBoundMiddleware())
        for asset in Asset.all {
            let representation = Representation(
                asset.bytes, contentType: asset.contentType, cacheControl: "public, max-age=31536000, immutable")
            router.get(RouterPath(asset.path)) { _, _ in representation }
        }
        for desk in desks { desk.addRoutes(to: router) }
        return router
    }
}

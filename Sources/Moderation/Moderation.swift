package import Guidelines
package import Hummingbird
package import Snapshots
package import Storage
package import Web

/// The desk of the guidelines: the home page, the guidelines as a page and as JSON, and the gateway's OpenAPI document.
/// What programs may administer of filters is in `SampleRoutes`.
///
/// Reads the guidelines and what the home page says anew for each request, so a change shows at once.
package struct Moderation: DeskRoutes {
    /// A minute behind a changed text is soon enough; after it, one question with `If-None-Match`.
    static let cacheControl = "public, max-age=60"

    private let home: HomePages
    private let pages: GuidelinesPages
    private let routes: GuidelinesRoutes
    private let api: OpenAPIRoutes

    /// - Throws: if one of our own templates or the OpenAPI document cannot be parsed.
    package init(guidelines: Snapshot<Guidelines>, home view: Snapshot<HomeView>) throws {
        let templates = try Templates([
            "home": String(decoding: PackageResources.home_mustache, as: UTF8.self),
            "guidelines": String(decoding: PackageResources.guidelines_mustache, as: UTF8.self),
        ])
        home = HomePages(templates: templates, view: view)
        pages = GuidelinesPages(guidelines: guidelines, templates: templates)
        routes = GuidelinesRoutes(guidelines: guidelines)
        api = try OpenAPIRoutes(home: view)
    }

    package func addRoutes(to router: Router<DeskContext>) {
        home.addRoutes(to: router)
        pages.addRoutes(to: router)
        routes.addRoutes(to: router)
        api.addRoutes(to: router)
    }

    /// The tables of this desk.
    package static let migrations = [
        Migration(
            name: "20261128-1-samples", owner: "Moderation",
            sql: String(decoding: PackageResources._0261128_1_samples_sql, as: UTF8.self))
    ]

    /// The desk's entries in the site's navigation.
    package static let navigation = [Site.Link("Guidelines", "/guidelines")]
}

package import Guidelines
package import Hummingbird
package import Snapshots
package import Web

/// The desk of the guidelines: the home page, the guidelines as a page and as JSON.
///
/// Reads the guidelines anew for each request, so a change shows at once.
package struct Moderation: DeskRoutes {
    /// A minute behind a changed text is soon enough; after it, one question with `If-None-Match`.
    static let cacheControl = "public, max-age=60"

    private let home: HomePages
    private let pages: GuidelinesPages
    private let routes: GuidelinesRoutes

    /// - Parameters:
    ///   - siteName: what the deployment calls itself.
    ///   - baseURL: the gateway's, ending in `/v1`, as clients write it.
    ///   - exampleModel: a model that the home page's example asks for.
    /// - Throws: if one of our own templates cannot be parsed.
    package init(
        guidelines: Snapshot<Guidelines>, siteName: String = "Steward", baseURL: String, exampleModel: String
    ) throws {
        let templates = try Templates([
            "home": String(decoding: PackageResources.home_mustache, as: UTF8.self),
            "guidelines": String(decoding: PackageResources.guidelines_mustache, as: UTF8.self),
        ])
        home = HomePages(
            templates: templates, view: HomeView(site: siteName, baseURL: baseURL, model: exampleModel))
        pages = GuidelinesPages(guidelines: guidelines, templates: templates)
        routes = GuidelinesRoutes(guidelines: guidelines)
    }

    package func addRoutes(to router: Router<DeskContext>) {
        home.addRoutes(to: router)
        pages.addRoutes(to: router)
        routes.addRoutes(to: router)
    }

    /// The desk's entries in the site's navigation.
    package static let navigation = [Site.Link("Guidelines", "/guidelines")]
}

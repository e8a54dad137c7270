internal import Hummingbird
internal import Web

/// `/`
struct HomePages: Sendable {
    let templates: Templates
    let view: HomeView

    func addRoutes(to router: Router<DeskContext>) {
        router.get("/", use: show)
    }

    @Sendable func show(_: Request, context: DeskContext) -> Page {
        Page(title: view.site, main: templates.html("home", view), cacheControl: "no-cache")
    }
}

struct HomeView: Sendable {
    let site: String
    /// Ends in `/v1`, as client libraries want it.
    let baseURL: String
    let model: String
}

internal import Hummingbird
internal import Snapshots
internal import Web

/// `/`
struct HomePages: Sendable {
    let templates: Templates
    let view: Snapshot<HomeView>

    func addRoutes(to router: Router<DeskContext>) {
        router.get("/", use: show)
    }

    @Sendable func show(_: Request, context: DeskContext) -> Page {
        let view = view.current
        return Page(title: view.site, main: templates.html("home", view), cacheControl: "no-cache")
    }
}

/// What the home page says of this deployment.
package struct HomeView: Sendable {
    /// What it calls itself.
    let site: String
    /// The gateway's address, without `/v1` and slash at its end.
    let gateway: String
    /// The same ending in `/v1`, as client libraries want it.
    let baseURL: String
    /// One that the example asks for.
    let model: String

    package init(site: String, gateway: String, model: String) {
        self.site = site
        self.gateway = gateway
        baseURL = gateway + "/v1"
        self.model = model
    }
}

internal import Guidelines
internal import HTTPTypes
internal import Hummingbird
internal import Snapshots
internal import Web

/// `/guidelines`
struct GuidelinesPages: Sendable {
    let guidelines: Snapshot<Guidelines>
    let templates: Templates

    func addRoutes(to router: Router<DeskContext>) {
        router.get("/guidelines", use: show)
    }

    @Sendable func show(_: Request, context: DeskContext) -> Page {
        let current = guidelines.current
        var page = Page(
            title: current.title, main: templates.html("guidelines", GuidelinesView(current)),
            cacheControl: Moderation.cacheControl)
        page.headers[.guidelinesVersion] = current.version
        return page
    }
}

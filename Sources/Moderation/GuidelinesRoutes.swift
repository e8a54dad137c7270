internal import Guidelines
internal import HTTPTypes
internal import Hummingbird
internal import Snapshots
internal import Web

/// `/public/v1/guidelines`
struct GuidelinesRoutes: Sendable {
    let guidelines: Snapshot<Guidelines>

    func addRoutes(to router: Router<DeskContext>) {
        router.get("/public/v1/guidelines", use: show)
    }

    @Sendable func show(_: Request, context: DeskContext) -> Representation {
        let current = guidelines.current
        return Representation(
            current.json(), contentType: "application/json", cacheControl: Moderation.cacheControl,
            headers: [.guidelinesVersion: current.version])
    }
}

extension HTTPField.Name {
    static let guidelinesVersion = Self("x-steward-guidelines-version")!
}

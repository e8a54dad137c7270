internal import Hummingbird
internal import JSON
internal import Snapshots
internal import Web

/// `/public/v1/openapi.json`: what the gateway takes and answers, with this deployment's address.
///
/// The document is `Resources/openapi.json`. The gateway's own tests hold its routes, scopes, statuses and codes against the
/// code.
struct OpenAPIRoutes: Sendable {
    let home: Snapshot<HomeView>
    private let document: JSONDocument
    private let address: JSONNode
    private let version: JSONNode

    /// - Throws: if our own document cannot be parsed.
    init(home: Snapshot<HomeView>) throws {
        self.home = home
        document = try JSONDocument(parsing: PackageResources.openapi_json)
        guard let servers = document.member("servers", of: document.root),
            let server = document.elements(of: servers).first(where: { _ in true }),
            let address = document.member("url", of: server),
            let info = document.member("info", of: document.root),
            let version = document.member("version", of: info)
        else { preconditionFailure("the document has a server with an address, and a version") }
        self.address = address
        self.version = version
    }

    func addRoutes(to router: Router<DeskContext>) {
        router.get("/public/v1/openapi.json", use: show)
    }

    @Sendable func show(_: Request, context: DeskContext) -> Representation {
        var edits = JSONEdits()
        edits.replace(address, withString: Array(home.current.gateway.utf8))
        edits.replace(version, withString: Array((context.site?.version ?? "").utf8))
        var bytes: [UInt8] = []
        document.serialise(into: &bytes, edits: edits)
        return Representation(bytes, contentType: "application/json", cacheControl: Moderation.cacheControl)
    }
}

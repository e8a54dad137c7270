internal import JSON

/// A request whose body is one well-formed JSON tree in its dialect.
///
/// A class, since every later stage carries it on: one reference to count instead of all that is in it.
final class Parsed: Sendable {
    let caller: Authenticated
    let dialect: Dialect
    let document: JSONDocument
    let facts: RequestFacts

    init(caller: Authenticated, dialect: Dialect, document: JSONDocument, facts: RequestFacts) {
        self.caller = caller
        self.dialect = dialect
        self.document = document
        self.facts = facts
    }
}

/// Reads the body and parses it, once: what is screened and what is sent are made of the same tree.
struct ParseStage: Sendable {
    let bodyBytesMax: Int
    /// As many values and keys as a body may have: each takes 16 bytes, and a body may have one in every two.
    private static let limits = JSONLimits(nodesMax: 1 << 20)
    let settings: DialectSettings

    func parse(_ caller: Authenticated, as dialect: Dialect) async throws(PathExit) -> Parsed {
        let document = try await readDocument(caller)
        return Parsed(
            caller: caller, dialect: dialect, document: document,
            facts: try dialect.facts(of: document, settings: settings))
    }

    func readDocument(_ caller: Authenticated) async throws(PathExit) -> JSONDocument {
        let fields = caller.exchange.head.fields
        if let field = fields.first("content-encoding"), !fields.value(of: field).isToken("identity") {
            throw .refused(Refusal(.encodedBody))
        }
        let body = try await caller.exchange.readBody(max: bodyBytesMax)
        do throws(JSONError) {
            return try JSONDocument(parsing: body, limits: Self.limits)
        } catch {
            throw .refused(Refusal(.malformedJSON(error)))
        }
    }
}

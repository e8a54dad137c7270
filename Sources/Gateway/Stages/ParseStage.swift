internal import JSON

/// A request whose body is one well-formed JSON tree in its dialect.
///
/// A class, since every later stage carries it on: one reference to count instead of all that is in it.
final class Parsed: Sendable {
    let caller: Authenticated
    let dialect: Dialect
    let document: JSONDocument
    let facts: RequestFacts
    /// What a form carries besides its fields, which are the document.
    let file: Form.File?

    init(
        caller: Authenticated, dialect: Dialect, document: JSONDocument, facts: RequestFacts, file: Form.File? = nil
    ) {
        self.caller = caller
        self.dialect = dialect
        self.document = document
        self.facts = facts
        self.file = file
    }
}

/// Reads the body and parses it, once: what is screened and what is sent are made of the same tree.
struct ParseStage: Sendable {
    let bodyBytesMax: Int
    /// As many values and keys as a body may have: each takes 16 bytes, and a body may have one in every two.
    private static let limits = JSONLimits(nodesMax: 1 << 20)
    let settings: DialectSettings

    func parse(_ caller: Authenticated, as dialect: Dialect) async throws(PathExit) -> Parsed {
        if dialect.traits.isForm { return try await parseForm(caller, as: dialect) }
        let document = try await readDocument(caller)
        return Parsed(
            caller: caller, dialect: dialect, document: document,
            facts: try dialect.facts(of: document, settings: settings))
    }

    private func parseForm(_ caller: Authenticated, as dialect: Dialect) async throws(PathExit) -> Parsed {
        guard let type = caller.exchange.head.fields.string("content-type"), let boundary = Form.boundary(of: type)
        else {
            throw .refused(Refusal(.noForm))
        }
        let body = try await readBody(caller)
        let form: Form
        do throws(FormProblem) {
            form = try Form(parsing: body, boundary: boundary)
        } catch {
            throw .refused(.invalid("", "The form \(error.text)."))
        }
        // Under another name a server might read as text what was sent, and not screened, as a file.
        guard let file = form.file, file.field == "file", !form.fields.contains(where: { $0.name == "file" }) else {
            throw .refused(.invalid("file", "`file` is missing. Send the file, and nothing else, as `file`."))
        }
        let document = try Self.document(form.json)
        return Parsed(
            caller: caller, dialect: dialect, document: document,
            facts: try dialect.facts(of: document, settings: settings), file: file)
    }

    func readDocument(_ caller: Authenticated) async throws(PathExit) -> JSONDocument {
        try Self.document(try await readBody(caller))
    }

    private func readBody(_ caller: Authenticated) async throws(PathExit) -> [UInt8] {
        let fields = caller.exchange.head.fields
        if let field = fields.first("content-encoding"), !fields.value(of: field).isToken("identity") {
            throw .refused(Refusal(.encodedBody))
        }
        return try await caller.exchange.readBody(max: bodyBytesMax)
    }

    private static func document(_ body: [UInt8]) throws(PathExit) -> JSONDocument {
        do throws(JSONError) {
            return try JSONDocument(parsing: body, limits: limits)
        } catch {
            throw .refused(Refusal(.malformedJSON(error)))
        }
    }
}

import Testing

@testable import Gateway

@Suite("Header fields that are passed on")
struct FieldNamesTests {
    private func passes(_ value: String) throws -> Bool {
        let head = try RequestHead(
            parsing: Array("GET / HTTP/1.1\r\nHost: h\r\nX-A: \(value)\r\n\r\n".utf8), fieldsMax: 8)
        var fields = WrittenFields()
        FieldNames(["x-a"]).copy(from: head.fields, to: &fields)
        return !fields.bytes.isEmpty
    }

    @Test(
        "are those with short values, and with traces",
        arguments: [
            "2020-10-01", "assistants=v2", "1234", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
            "00-11111111111111111111111111111111-1111111111111111-01", String(repeating: "a", count: 512),
        ])
    func passesOn(_ value: String) throws {
        #expect(try passes(value))
    }

    @Test(
        "are none with a number that may be somebody's, or room for a text",
        arguments: [
            "4111111111111111", "a=4111 1111-1111.1111", String(repeating: "a", count: 513),
            "00-11111111111111111111111111111111-1111111111111111-0g",
            "00-11111111111111111111111111111111-1111111111111111-011",
        ])
    func leavesOut(_ value: String) throws {
        #expect(try !passes(value))
    }
}

import JSON
import Testing

@Suite("Keys")
struct KeyTests {
    @Test("finds the one duplicate among any number of keys", arguments: [2, 3, 7, 8, 9, 10, 16, 17, 33, 100])
    func findsDuplicates(count: Int) throws {
        for first in 0..<count {
            for second in [first + 1, count - 1] where second > first && second < count {
                var names = (0..<count).map { "\"key\($0)\"" }
                _ = try JSONDocument(parsing: object(names))
                names[second] = first % 2 == 0 ? names[first] : "\"\\u006bey\(first)\""
                let error = try #require(throws: JSONError.self) { try JSONDocument(parsing: object(names)) }
                #expect(error.problem == .duplicateKey)
                #expect(error.key == "key\(first)")
                let offset = names[..<second].reduce(1) { $0 + $1.utf8.count + 3 }
                #expect(error.offset == offset)
            }
        }
    }

    @Test("keeps keys apart that differ in one byte, in length or only as prefix")
    func keepsKeysApart() throws {
        var names: [String] = []
        for length in 0..<40 {
            names.append("\"" + String(repeating: "a", count: length) + "\"")
            for place in 0..<length {
                var name = [UInt8](repeating: 0x61, count: length)
                name[place] = 0x62
                names.append("\"" + String(decoding: name, as: UTF8.self) + "\"")
            }
        }
        let document = try JSONDocument(parsing: object(names))
        #expect(document.count(of: document.root) == names.count)
        for start in 0..<names.count - 8 { _ = try JSONDocument(parsing: object(Array(names[start..<start + 8]))) }
    }

    @Test("reads an object of 100,000 keys, and one whose keys all look alike")
    func readsManyKeys() throws {
        var text = Array("{".utf8)
        for index in 0..<100_000 {
            text += Array("\(index == 0 ? "" : ",")\"\(index &* 4_294_967_296)\":0".utf8)
        }
        let document = try JSONDocument(parsing: text + Array("}".utf8))
        #expect(document.count(of: document.root) == 100_000)
        let error = try #require(throws: JSONError.self) {
            try JSONDocument(parsing: text + Array(",\"\(77_777 &* 4_294_967_296)\":0}".utf8))
        }
        #expect(error.problem == .duplicateKey)
    }

    private func object(_ names: [String]) -> [UInt8] {
        Array(("{" + names.map { $0 + ":1" }.joined(separator: ",") + "}").utf8)
    }
}

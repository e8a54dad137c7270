import JSON
import Testing

@testable import Gateway

@Suite("The passage that is screened")
struct PassageTests {
    private func text(_ json: String) throws -> String {
        let document = try JSONDocument(parsing: Array(json.utf8))
        return String(decoding: Passage(of: document).bytes, as: UTF8.self)
    }

    @Test("holds every string and key that could carry text")
    func holdsText() throws {
        let passage = try text(
            #"""
            {"model":"m","messages":[{"role":"user","content":"one","name":"two words"}],
             "tools":[{"type":"function","function":{"name":"three","description":"four","parameters":{"five":"six"}}}],
             "unknown":{"seven":["eight"]},"stop":"nine"}
            """#)
        for word in ["one", "two words", "three", "four", "five", "six", "seven", "eight", "nine"] {
            #expect(passage.contains(word), "\(word) is not screened")
        }
    }

    @Test("leaves protocol names out only while they look like names")
    func screensTextInNames() throws {
        let passage = try text(
            #"{"messages":[{"role":"user","tool_call_id":"call_1"},{"role":"é","tool_call_id":"text with blanks"}]}"#)
        #expect(!passage.contains("call_1"))
        #expect(passage.contains("text with blanks"))
        #expect(passage.contains("é"))
        // The same name at another place is nobody's protocol.
        #expect(try text(#"{"unknown":{"tool_call_id":"call_1"}}"#).contains("call_1"))
    }

    @Test("leaves inline images out only while they are base 64")
    func leavesBlobsOut() throws {
        let data = String(repeating: "QUJD", count: 40)
        func image(_ url: String) -> String {
            #"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"\#(url)"}}]}]}"#
        }
        #expect(try !text(image("data:image/png;base64,\(data)")).contains(data))
        #expect(try text(image("data:image/png;base64,\(data) and words")).contains("words"))
        #expect(try text(#"{"text":"\#(data)"}"#).contains(data))
    }

    @Test("holds the text parts of one message a second time, joined as a template joins them")
    func joinsParts() throws {
        let passage = try text(
            #"{"messages":[{"role":"user","content":[{"type":"text","text":"41"},{"type":"text","text":"11"}]}]}"#)
        #expect(passage.contains("4111"))
    }
}

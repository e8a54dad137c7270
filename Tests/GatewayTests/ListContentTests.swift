import JSON
import Testing

@testable import Gateway

@Suite("Streamed content in lists")
struct ListContentTests {
    private func event(_ elements: String...) -> String {
        chunk(#"{"content":[\#(elements.joined(separator: ","))]}"#)
    }

    private func text(_ text: some StringProtocol, _ more: String = "") -> String {
        #"{"type":"text"\#(more),"text":"\#(text)"}"#
    }

    private func thought(_ text: some StringProtocol) -> String {
        #"{"type":"thinking","thinking":[\#(self.text(text))]}"#
    }

    private let end = chunk("{}", finish: "stop")

    /// The elements of all events' lists, as they stand there.
    private func elements(_ events: [JSONDocument]) -> [String] {
        events.flatMap { document -> [String] in
            guard let delta = document.firstChoice.flatMap({ document.member("delta", of: $0) }),
                let content = document.member("content", of: delta)
            else { return [] }
            return document.elements(of: content).map { node in
                var writer = JSONWriter()
                writer.value(node, of: document)
                return String(decoding: writer.bytes, as: UTF8.self)
            }
        }
    }

    private func said(_ events: [JSONDocument]) -> String {
        events.flatMap { document -> [String] in
            guard let delta = document.firstChoice.flatMap({ document.member("delta", of: $0) }),
                let content = document.member("content", of: delta)
            else { return [] }
            return document.elements(of: content).compactMap { document.text(["text"], of: $0) }
        }.joined()
    }

    @Test("is one text, wherever elements and events split it")
    func isOneText() throws {
        let bench = try Bench()
        let whole = "Card \(Bench.card), 40 and 41."
        for first in 0...whole.count {
            for second in stride(from: first, through: whole.count, by: 4) {
                let head = whole.prefix(first)
                let middle = whole.prefix(second).dropFirst(first)
                let tail = whole.dropFirst(second)
                for script in [
                    event(text(head), text(middle), text(tail)), event(text(head)) + event(text(middle), text(tail)),
                    event(text(head, #","index":0"#)) + event(text(middle, #","index":1"#), text(tail)),
                ] {
                    var stream = bench.stream()
                    let events = try bench.relay(script + end, &stream)
                    #expect(said(events) == "Card [redacted:pii.card], 40 and 41.", "\(first), \(second)")
                }
            }
        }
    }

    /// Servers of thinking models say thoughts in lists and then what they answer as plain text; readers lay all text that is
    /// content end to end.
    @Test("is one text with content that is no list", arguments: 0..<4)
    func isOneTextWithPlainContent(_ order: Int) throws {
        let bench = try Bench()
        let number = Bench.card
        func piece(_ text: some StringProtocol, _ shape: Int) -> String {
            switch shape {
            case 0: content(String(text))
            case 1: event(self.text(text))
            default: event("\"\(text)\"")
            }
        }
        for (first, second) in [(0, 1), (1, 0), (1, 2), (2, 0)][order...order] {
            for cut in 1..<number.count {
                var stream = bench.stream()
                let script = piece("So " + number.prefix(cut), first) + piece(number.dropFirst(cut) + " ok", second)
                let left = try bench.relay(script + end, &stream).serialised
                #expect(left.contains("[redacted:pii.card]") && !left.contains(number.suffix(3)), "\(cut): \(left)")
            }
        }
    }

    @Test("of plain strings leaves as such, and so do other lists of strings")
    func plainStrings() throws {
        let bench = try Bench()
        for member in ["content", "citations"] {
            var stream = bench.stream()
            let script = chunk(#"{"\#(member)":["Room 4000 00","s"]}"#) + chunk(#"{"\#(member)":["to", "4"]}"#)
            let events = try bench.relay(script + end, &stream)
            let strings = events.flatMap { document -> [String] in
                guard let delta = document.firstChoice.flatMap({ document.member("delta", of: $0) }),
                    let list = document.member(member, of: delta)
                else { return [] }
                return document.elements(of: list).map { document.string($0) ?? "no string" }
            }
            #expect(strings.joined() == "Room 4000 00sto4")
            if member == "citations" { #expect(strings == ["Room 4000 00", "s", "to", "4"]) }
        }
    }

    /// Catches elements that are only looked at one by one.
    @Test("blocks an answer in whose other lists a number is spelled")
    func spelledInLists() throws {
        let bench = try Bench()
        var stream = bench.stream()
        let events = try bench.relay(Bench.card.map { chunk(#"{"tokens":["\#($0)"]}"#) }.joined() + end, &stream)
        #expect(stream.isBlocked && events.reasons() == ["content_filter"])
        var whole = bench.stream()
        let one = try bench.relay(chunk(#"{"citations":["a \#(Bench.card)", "b"]}"#) + end, &whole)
        #expect(one.serialised.contains(#"["a [redacted:pii.card]","b"]"#))
    }

    @Test("blocks an answer in whose lists numbers spell one", arguments: [4, 1])
    func spelledByNumbers(size: Int) throws {
        let bench = try Bench()
        // Whose groups begin with no zero, as numbers do not.
        let number = "4111111111111111"
        let groups = stride(from: 0, to: 16, by: size).map { number.dropFirst($0).prefix(size) }
        for list in [groups.joined(separator: ","), "\"\(groups[0])\"," + groups.dropFirst().joined(separator: ",")] {
            var stream = bench.stream()
            let events = try bench.relay(chunk(#"{"x":[\#(list)]}"#) + end, &stream)
            #expect(stream.isBlocked && events.reasons() == ["content_filter"], "\(list)")
        }
        var measures = bench.stream()
        _ = try bench.relay(chunk(#"{"x":[4000,17,0,4]}"#) + end, &measures)
        #expect(!measures.isBlocked)
    }

    /// Catches what a redacted element leaves to its neighbours.
    @Test("blocks an answer whose lists spell a number beside one that was taken out", arguments: [false, true])
    func spelledBesideRedacted(isLater: Bool) throws {
        let bench = try Bench()
        let (head, tail) = (Bench.card.prefix(8), Bench.card.suffix(8))
        let lists =
            isLater
            ? [#"["so \#(head)"]"#, #"["\#(tail), \#(Bench.card)"]"#]
            : [#"["\#(Bench.card), \#(head)"]"#, #"["\#(tail)"]"#]
        var stream = bench.stream()
        let events = try bench.relay(lists.map { chunk(#"{"citations":\#($0)}"#) }.joined() + end, &stream)
        #expect(stream.isBlocked && events.reasons() == ["content_filter"])
        #expect(!events.serialised.contains(String(tail)))
    }

    /// Catches members of an object that are taken for one text, between which nothing is found.
    @Test("that is an object has a text in each of its members")
    func objects() throws {
        let bench = try Bench()
        var stream = bench.stream()
        let script = [(Bench.card.prefix(8), "a"), (Bench.card.suffix(8), "b")].map { piece, note in
            chunk(#"{"content":{"text":"\#(piece)","note":"\#(note)"}}"#)
        }
        let events = try bench.relay(script.joined() + end, &stream)
        #expect(stream.verdict == .redact)
        #expect(!events.serialised.contains(String(Bench.card.suffix(8))))
        #expect(events.serialised.contains("[redacted:pii.card]"))
    }

    @Test("leaves in order where the end of an element was held")
    func keepsOrder() throws {
        let bench = try Bench()
        var stream = bench.stream()
        let events = try bench.relay(event(text("Room 4000 00"), text("b, "), text("left.")) + end, &stream)
        #expect(elements(events) == [text("Room "), text("4000 00b, "), text("left.")])
    }

    @Test("keeps its type where the rest of it leaves by itself, and an index only where it had one")
    func keepsType() throws {
        let bench = try Bench()
        var stream = bench.stream()
        #expect(elements(try bench.relay(event(text("Room 4000")) + end, &stream)) == [text("Room "), text("4000")])
        stream = bench.stream()
        let numbered = text("4000", #","index":3"#)
        #expect(elements(try bench.relay(event(numbered) + end, &stream)).last == numbered)
        stream = bench.stream()
        let events = try bench.relay(event(thought("Room 4000")) + event(text("Room 41")) + end, &stream)
        #expect(
            elements(events) == [thought("Room "), text("Room "), thought("4000"), text("41")])
    }

    @Test("has no type where that is no word")
    func dropsTypesThatAreNone() throws {
        let bench = try Bench()
        var stream = bench.stream()
        let events = try bench.relay(event(#"{"type":"two words","text":"Room 4000"}"#) + end, &stream)
        #expect(elements(events).last == #"{"text":"4000"}"#)
        #expect(elements(events).first == #"{"type":"two words","text":"Room "}"#)
    }
}

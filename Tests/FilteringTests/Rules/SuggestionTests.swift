import Filtering
import Testing

@Suite("Suggestions for misspelt names")
struct SuggestionTests {
    @Test(
        "count edits and swaps",
        arguments: [
            ("port", "port", 0), ("prot", "port", 1), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3),
            ("ab", "ba", 1),
        ])
    func distance(left: String, right: String, count: Int) {
        #expect(Suggestion.distance(Array(left.utf8), Array(right.utf8)) == count)
    }

    @Test("are the nearest name, if it is near enough; of equals the first")
    func nearest() {
        #expect(Suggestion.nearest(to: "prot", among: ["host", "port", "pot"]) == "port")
        #expect(Suggestion.nearest(to: "bat", among: ["cat", "bad"]) == "bad")
        #expect(Suggestion.nearest(to: "entirely", among: ["other", "words"]) == nil)
    }
}

import Testing

@testable import Steward

@Suite("The upstreams of a running gateway, as the command shows them")
struct UpstreamsViewTests {
    static let page = """
        {"window_seconds": 30, "models": [{"name": "large", "retries_left": 7, "upstreams": [
          {"name": "here", "url": "http://10.0.0.5:8000", "priority": 0, "weight": 2, "in_flight": 3, "queued": 1,
           "requests": 120, "failures": 2, "state": "breaker_open", "seconds_left": 3.2, "seconds_since": null,
           "last_failure": {"code": "status_503", "seconds_ago": 300.5}, "of_a_later_version": true},
          {"name": "gone", "url": "http://h", "priority": 1, "weight": 1, "in_flight": 0, "queued": 0, "requests": 0,
           "failures": 0, "state": "unhealthy", "seconds_left": null, "seconds_since": 7300, "last_failure": null},
          {"name": "\\u001b[2Jbad", "url": "http://h", "priority": 1, "weight": 1, "in_flight": 0, "queued": 0,
           "requests": 0, "failures": 0, "state": "available", "seconds_left": null, "seconds_since": null,
           "last_failure": null}]}]}
        """

    @Test("states, times and failures are in words, and nothing moves the terminal")
    func table() throws {
        let text = try UpstreamsView.read(Array(Self.page.utf8)).text
        for words in [
            "breaker open, 4 s left", "unhealthy for 2 h", "status_503, 5 min ago", "of the last 30 s.",
            "Retries left: large 7.",
        ] { #expect(text.contains(words), "\(words) is not in\n\(text)") }
        #expect(!text.contains("\u{1B}"))
        #expect(text.split(separator: "\n").count == 6)
    }

    @Test("what is no such page is refused", arguments: ["", "{}", "[]", #"{"models": []}"#, "<html>"])
    func nonsense(page: String) {
        #expect(throws: (any Error).self) { try UpstreamsView.read(Array(page.utf8)) }
    }
}

import Filtering
import Testing

@testable import Gateway

@Suite("Turns of a request that screens")
struct ScreeningTurnTests {
    static let slice = SlicedScreening.sliceBytes

    /// How often others run while texts are screened one after the other.
    private func turns(_ texts: [[UInt8]], leavingAfter last: Int = .max) async throws -> (others: Int, screened: Int) {
        let bench = try Bench()
        var (others, screened) = (0, 0)
        var turn = ScreeningTurn()
        do throws(PathExit) {
            for text in texts {
                _ = try await bench.screener.screen(text, side: .prompt, policy: bench.policy, &turn) {
                    () async throws(PathExit) in
                    others += 1
                    if others > last { throw .clientLeft }
                }
                screened += 1
            }
        } catch {
            if case .clientLeft = error {} else { Issue.record("\(error)") }
        }
        return (others, screened)
    }

    private func digits(_ count: Int) -> [UInt8] { Array(String(repeating: "4 1 ", count: count / 4).utf8) }

    @Test("come as often for many texts as for one of the same length", arguments: [1_024, 4_096, 8_192, 32_768])
    func countsAllTexts(size: Int) async throws {
        let whole = 8 * Self.slice
        let one = try await turns([digits(whole)])
        let many = try await turns(Array(repeating: digits(size), count: whole / size))
        #expect(one.others == 7)
        #expect(many.others == one.others && many.screened == whole / size)
    }

    @Test("end after some texts, though these say next to nothing")
    func countsShortTexts() async throws {
        #expect(try await turns(Array(repeating: [0x78], count: 1_000)).others == 15)
    }

    @Test("are not given up for an ordinary request")
    func keepsOrdinaryRequestsWhole() async throws {
        #expect(try await turns([digits(1_024)]).others == 0)
        #expect(try await turns([digits(Self.slice)]).others == 0)
    }

    @Test("are over for good once nobody waits", arguments: [0, 1, 5])
    func endsWithTheClient(after last: Int) async throws {
        let long = try await turns([digits(16 * Self.slice)], leavingAfter: last)
        #expect(long.others == last + 1 && long.screened == 0)
        let many = try await turns(Array(repeating: digits(8_192), count: 64), leavingAfter: last)
        #expect(many.others == last + 1 && many.screened == 4 * (last + 1))
    }
}

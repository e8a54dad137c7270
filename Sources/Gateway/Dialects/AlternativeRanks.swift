internal import JSON

/// What the alternatives of one rank spell from token to token.
///
/// An alternative is too short to be anybody's number; the first of every token, laid end to end, is not. So those of a token
/// are left out where they would make such a number. What all was said is no alternative: it is judged as text.
struct AlternativeRanks {
    private struct Rank {
        var digits: Int
        /// Not all of it was said.
        var differs = false
    }

    private var ranks: [Rank] = []
    private let digitsBefore: Int

    /// - Parameter isPiece: whether alternatives that are not known here come before.
    init(isPiece: Bool = false) {
        digitsBefore = isPiece ? Passage.digitsMin - 1 : 0
    }

    /// Takes an entry of a chat completion's log-probabilities in; whether its alternatives may leave.
    mutating func take(_ entry: JSONNode, of document: JSONDocument) -> Bool {
        guard let others = document.member("top_logprobs", of: entry) else { return true }
        let said = document.member("token", of: entry)
        var mayLeave = true
        for (rank, other) in document.elements(of: others).enumerated() {
            guard let token = document.member("token", of: other) else { continue }
            if !take(token, rank, besides: said, of: document) { mayLeave = false }
        }
        return mayLeave
    }

    /// The same for the older completions, whose alternatives are members of an object.
    mutating func take(_ others: JSONNode, besides said: JSONNode?, of document: JSONDocument) -> Bool {
        var rank = 0
        var mayLeave = true
        document.forEachMember(of: others) { token, _ in
            if !take(token, rank, besides: said, of: document) { mayLeave = false }
            rank += 1
        }
        return mayLeave
    }

    private mutating func take(
        _ token: JSONNode, _ index: Int, besides said: JSONNode?, of document: JSONDocument
    ) -> Bool {
        guard document.kind(token) == .string else { return false }
        while ranks.count <= min(index, Self.ranksMax) { ranks.append(Rank(digits: digitsBefore)) }
        let index = min(index, Self.ranksMax)
        return document.withUTF8(of: token) { text in
            let isSaid = said.map { said in document.withUTF8(of: said) { $0.elementsEqual(text) } } ?? false
            for byte in text {
                switch byte {
                case 0x30...0x39:
                    ranks[index].digits = min(ranks[index].digits + 1, Passage.digitsMin)
                    if !isSaid { ranks[index].differs = true }
                // What rules pass over between digits.
                case 0x09, 0x20, 0x2A, 0x2D, 0x2E, 0x2F, 0x5C, 0x5F, 0x7C: continue
                default: ranks[index] = Rank(digits: 0)
                }
            }
            return !ranks[index].differs || ranks[index].digits < Passage.digitsMin
        }
    }

    /// More are not written; those beyond share one.
    private static let ranksMax = 128
}

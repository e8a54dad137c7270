internal import Limits

/// One call of the script of budgets: what one process tells and asks of some subjects, all of one organisation.
struct BudgetCall: Sendable, Equatable {
    var subjects: [Subject] = []

    struct Subject: Sendable, Equatable {
        var subject: BudgetSubject
        /// Whether Redis was told of it before.
        var isKnown: Bool
        /// Grows from call to call, so that one that comes late is known.
        var sequence: Int64
        /// That the sums are of.
        var day: BudgetDay
        /// By kind; `nil` where there is no budget.
        var asks: [Ask?]
    }

    /// In Redis' units: tokens, or millionths of money.
    struct Ask: Sendable, Equatable {
        var budget: Int64
        /// All that this process has been charged in the period.
        var charged: Int64
        /// What the store knows that was spent.
        var floor: Int64
        /// The least that helps the first request that waits; 0 when none does.
        var first: Int64
        var wanted: Int64
    }
}

/// What Redis answered, in the order of the call.
struct BudgetAnswer: Sendable, Equatable {
    var subjects: [Subject] = []

    struct Subject: Sendable, Equatable {
        /// The call came after a later one, and nothing was done.
        var isLate: Bool
        var day: BudgetDay
        /// By kind, in Redis' units.
        var granted: [Int64]
        var spent: [Int64]
    }
}

/// The script's text, and how calls of it and its answers are written.
enum BudgetScript {
    static let text = String(decoding: PackageResources.budgets_lua, as: UTF8.self)

    /// Keys and arguments as EVALSHA takes them after the script's digest.
    static func arguments(_ call: BudgetCall, namespace: String, process: String) -> [String] {
        var words = ["\(call.subjects.count)"]
        for subject in call.subjects {
            words.append("\(LeaseScript.tag(namespace)):b:\(LeaseKey(subject.subject).name)")
        }
        words.append(process)
        for subject in call.subjects {
            words += ["\(subject.isKnown ? 1 : 0)", "\(subject.sequence)", "\(max(0, subject.day.number))"]
            for ask in subject.asks {
                guard let ask else {
                    words += ["-1", "0", "0", "0", "0"]
                    continue
                }
                for number in [ask.budget, ask.charged, ask.floor, ask.first, ask.wanted] {
                    words.append("\(max(0, min(number, 1 << 52)))")
                }
            }
        }
        return words
    }

    /// What an answer says; `nil` if it is none of this script to that call.
    static func answer(_ reply: RedisReply, to call: BudgetCall) -> BudgetAnswer? {
        guard case .array(let parts) = reply, parts.count == 10 * call.subjects.count else { return nil }
        let numbers = parts.compactMap { part -> Int64? in
            if case .integer(let number) = part { Int64(number) } else { nil }
        }
        guard numbers.count == parts.count else { return nil }
        var answer = BudgetAnswer()
        for start in stride(from: 0, to: numbers.count, by: 10) {
            let pairs = (0..<4).map { start + 2 + 2 * $0 }
            answer.subjects.append(
                BudgetAnswer.Subject(
                    isLate: numbers[start] != 0, day: BudgetDay(number: Int32(clamping: numbers[start + 1])),
                    granted: pairs.map { max(0, numbers[$0]) }, spent: pairs.map { max(0, numbers[$0 + 1]) }))
        }
        return answer
    }
}

extension LeaseKey {
    fileprivate init(_ subject: BudgetSubject) {
        self.init(scope: subject.scope, id: subject.id)
    }
}

extension BudgetKind {
    /// Nanos are too fine for the script's numbers, which are exact to 2⁵³.
    var scale: Int64 { isInMoney ? 1_000 : 1 }

    /// In Redis' units, rounded up: what is counted there is never less than what was used.
    func shared(_ units: Int64) -> Int64 { units > 0 ? (units - 1) / scale + 1 : 0 }

    func units(shared: Int64) -> Int64 { min(shared, 1 << 50) * scale }
}

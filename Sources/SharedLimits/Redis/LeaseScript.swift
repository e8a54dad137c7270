internal import Limits

/// The script's text, and how calls of it and its answers are written.
enum LeaseScript {
    static let text = String(decoding: PackageResources.limits_lua, as: UTF8.self)

    /// All keys have this tag, so that a cluster keeps them together and a call may touch any of them.
    static func tag(_ namespace: String) -> String { "{\(namespace)}" }

    /// What a process knows of the data in Redis, to notice when they are others.
    struct DataSet: Sendable, Equatable {
        var id = ""
        /// The latest time of it that was read, in microseconds.
        var seen = 0
    }

    /// Keys and arguments as EVALSHA takes them after the script's digest.
    static func arguments(
        _ call: LeaseCall, namespace: String, process: String, dataSet: DataSet, lifetime: Int64
    ) -> [String] {
        let tag = tag(namespace)
        var words = ["\(call.subjects.count + 1)", "\(tag):data"]
        for subject in call.subjects { words.append("\(tag):\(subject.key.name)") }
        words += [process, dataSet.id, "\(dataSet.seen)", "\(lifetime / 1_000)"]
        for subject in call.subjects {
            words += ["\(subject.mode.rawValue)", "\(subject.sequence)", "\(subject.asks.count)"]
            for ask in subject.asks {
                words.append("\(ask.kind.rawValue)")
                for number in [ask.limit, ask.used, ask.reserved, ask.first, ask.wanted] {
                    words.append("\(max(0, min(number, 1 << 52)))")
                }
            }
        }
        return words
    }

    /// What an answer says; `nil` if it is none of this script to that call.
    static func answer(_ reply: RedisReply, to call: LeaseCall) -> (LeaseAnswer, DataSet)? {
        guard case .array(let parts) = reply, parts.count >= 2, case .text(let id) = parts[0],
            case .text(let time) = parts[1], let seen = Int(time)
        else { return nil }
        var numbers = parts.dropFirst(2).compactMap { part -> Int? in
            if case .integer(let number) = part { number } else { nil }
        }[...]
        var answer = LeaseAnswer(subjects: [])
        guard numbers.count == call.subjects.reduce(0, { $0 + 1 + 4 * $1.asks.count }) else { return nil }
        for subject in call.subjects {
            guard let state = numbers.popFirst().flatMap(LeaseAnswer.State.init(rawValue:)) else { return nil }
            var limits: [LeaseAnswer.Limit] = []
            for _ in subject.asks {
                let four = Array(numbers.prefix(4))
                numbers = numbers.dropFirst(4)
                let wait = four[2] < 0 ? nil : Int64(min(four[2], 1 << 52)) * 1_000
                limits.append(LeaseAnswer.Limit(held: four[0], left: four[1], wait: wait, level: four[3]))
            }
            answer.subjects.append(LeaseAnswer.Subject(state: state, limits: limits))
        }
        return (answer, DataSet(id: id, seen: seen))
    }
}

extension LeaseKey {
    /// In Redis.
    var name: String {
        let digits = String(id, radix: 16)
        return "\(scope.letter):" + String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension LimitScope {
    fileprivate var letter: String {
        switch self {
        case .key: "k"
        case .application: "a"
        case .organisation: "o"
        case .endUser: "u"
        }
    }
}

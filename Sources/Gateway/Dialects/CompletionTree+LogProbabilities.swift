internal import JSON

/// Log-probabilities of whole answers aren't screened, because they spell the text that is; any that spell something
/// else, or have room to say more, are dropped.
extension CompletionTree {
    func dropStrangeLogProbabilities(besides edits: inout JSONEdits) {
        guard let choices else { return }
        for choice in document.elements(of: choices) {
            guard let node = document.member("logprobs", of: choice), !document.isNull(node) else { continue }
            let isKnown = document.kind(node) == .object && (isOfTokens(node, choice) || isOlder(node, choice))
            if isKnown {
                dropSpellingAlternatives(of: node, besides: &edits)
            } else {
                edits.replace(node, withRaw: Array("null".utf8))
            }
        }
    }

    /// Takes out alternatives that spell a number from token to token.
    private func dropSpellingAlternatives(of node: JSONNode, besides edits: inout JSONEdits) {
        for name in ["content", "refusal"] as [StaticString] {
            var ranks = AlternativeRanks()
            guard let entries = document.member(name, of: node) else { continue }
            for entry in document.elements(of: entries) where !ranks.take(entry, of: document) {
                guard let others = document.member("top_logprobs", of: entry) else { continue }
                edits.replace(others, withRaw: Array("[]".utf8))
            }
        }
        guard let others = document.member("top_logprobs", of: node),
            let tokens = document.member("tokens", of: node)
        else { return }
        var (ranks, said) = (AlternativeRanks(), document.elements(of: tokens).makeIterator())
        for alternatives in document.elements(of: others)
        where !ranks.take(alternatives, besides: said.next(), of: document) {
            edits.replace(alternatives, withRaw: Array("null".utf8))
        }
    }

    /// Whether every member fulfils `isKnown`.
    private func all(_ node: JSONNode, _ isKnown: (JSONNode, JSONNode) -> Bool) -> Bool {
        guard document.kind(node) == .object else { return false }
        var areKnown = true
        document.forEachMember(of: node) { key, value in areKnown = areKnown && isKnown(key, value) }
        return areKnown
    }

    private func isNullOrArray(_ node: JSONNode, of isKnown: (JSONNode) -> Bool) -> Bool {
        if document.isNull(node) { return true }
        return document.kind(node) == .array && document.elements(of: node).allSatisfy(isKnown)
    }

    // MARK: - Chat completions

    private func isOfTokens(_ node: JSONNode, _ choice: JSONNode) -> Bool {
        guard let message = document.member("message", of: choice) else { return false }
        return all(node) { key, value in
            var spelled: [UInt8] = []
            let isKnown = isNullOrArray(value) { entry in
                if let token = document.member("token", of: entry) { document.appendUTF8(of: token, to: &spelled) }
                return isEntry(entry, isAlternative: false)
            }
            guard isKnown else { return false }
            if document.utf8Equals(key, "content") { return isText(document.member("content", of: message), spelled) }
            return document.utf8Equals(key, "refusal") && isText(document.member("refusal", of: message), spelled)
        }
    }

    /// Whether log-probabilities spell the text that the answer has there. None need be there.
    private func isText(_ node: JSONNode?, _ spelled: [UInt8]) -> Bool {
        if spelled.isEmpty { return true }
        guard let node, document.kind(node) == .string else { return false }
        return document.withUTF8(of: node) { $0.elementsEqual(spelled) }
    }

    private func isEntry(_ node: JSONNode, isAlternative: Bool) -> Bool {
        guard let token = document.member("token", of: node), document.kind(token) == .string else { return false }
        return all(node) { key, value in
            if document.utf8Equals(key, "token") { return !isAlternative || mayBeToken(value) }
            if document.utf8Equals(key, "logprob") { return isMeasured(value) }
            if document.utf8Equals(key, "bytes") { return isBytes(value, of: token) }
            guard !isAlternative, document.utf8Equals(key, "top_logprobs") else { return false }
            return isNullOrArray(value) { isEntry($0, isAlternative: true) }
        }
    }

    /// Whether numbers are the bytes of the token beside them.
    private func isBytes(_ node: JSONNode, of token: JSONNode) -> Bool {
        if document.isNull(node) { return true }
        guard document.kind(node) == .array else { return false }
        let numbers = document.elements(of: node).map { document.int($0) }
        return document.withUTF8(of: token) { text in numbers.elementsEqual(text) { $0 == Int($1) } }
    }

    private func mayBeToken(_ token: JSONNode) -> Bool { LogProbability(document: document).mayBeToken(token) }

    private func isMeasured(_ node: JSONNode) -> Bool {
        document.isNull(node) || document.kind(node) == .number && ProtocolWord.isQuantity(node, in: document)
    }

    // MARK: - Completions

    private func isOlder(_ node: JSONNode, _ choice: JSONNode) -> Bool {
        guard let text = document.member("text", of: choice) else { return false }
        return all(node) { key, value in
            if document.utf8Equals(key, "tokens") {
                var spelled: [UInt8] = []
                let areTokens = isNullOrArray(value) { token in
                    document.appendUTF8(of: token, to: &spelled)
                    return document.kind(token) == .string
                }
                return areTokens && isText(text, spelled)
            }
            if document.utf8Equals(key, "token_logprobs") || document.utf8Equals(key, "text_offset") {
                return isNullOrArray(value, of: isMeasured)
            }
            guard document.utf8Equals(key, "top_logprobs") else { return false }
            return isNullOrArray(value) { alternatives in
                document.isNull(alternatives) || all(alternatives) { mayBeToken($0) && isMeasured($1) }
            }
        }
    }
}

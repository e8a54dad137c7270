/// One thing that a key may be used for.
package enum KeyScope: String, Sendable, Hashable, CaseIterable {
    /// Texts that a model writes, in every dialect.
    case inference
    case embeddings
    case images
    case audio
    case moderations
    /// Listing models.
    case models

    fileprivate var bit: UInt8 {
        switch self {
        case .inference: 1
        case .embeddings: 2
        case .moderations: 4
        case .models: 8
        case .images: 16
        case .audio: 32
        }
    }
}

/// What a key may be used for.
package struct KeyScopes: Sendable, Hashable, ExpressibleByArrayLiteral {
    private var bits: UInt8 = 0

    package init(_ scopes: some Sequence<KeyScope>) {
        for scope in scopes { bits |= scope.bit }
    }

    package init(arrayLiteral scopes: KeyScope...) {
        self.init(scopes)
    }

    package static let all = KeyScopes(KeyScope.allCases)

    package func contains(_ scope: KeyScope) -> Bool {
        bits & scope.bit != 0
    }

    package var isEmpty: Bool { bits == 0 }

    /// In a fixed order.
    package var names: [String] {
        KeyScope.allCases.filter(contains).map(\.rawValue)
    }

    /// - Throws: `AccessError.unknownScope`, or `AccessError.noScope` if there is none.
    package init(names: [String]) throws(AccessError) {
        for name in names {
            guard let scope = KeyScope(rawValue: name) else { throw .unknownScope(name) }
            bits |= scope.bit
        }
        if isEmpty { throw .noScope }
    }
}

/// One value for each view.
struct PerView<Value> {
    private var normalised: Value
    private var skeleton: Value

    init(_ make: (Rule.View) -> Value) {
        normalised = make(.normalised)
        skeleton = make(.skeleton)
    }

    subscript(view: Rule.View) -> Value {
        get {
            switch view {
            case .normalised: normalised
            case .skeleton: skeleton
            }
        }
        set {
            switch view {
            case .normalised: normalised = newValue
            case .skeleton: skeleton = newValue
            }
        }
    }
}

extension PerView: Sendable where Value: Sendable {}

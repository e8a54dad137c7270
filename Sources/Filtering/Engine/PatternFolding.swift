/// How a pattern's characters become byte sets: the same way as the text's, and with case and look-alikes as asked.
struct PatternFolding {
    let view: CodePointView
    var ignoresCase: Bool

    var isSkeleton: Bool { view.isSkeleton }

    /// The pattern of one character.
    func pattern(_ scalar: Unicode.Scalar) -> Pattern {
        if scalar.isASCII {
            let byte = UInt8(scalar.value)
            return .byte(set(byte))
        }
        var variants = [mapped(scalar)]
        if ignoresCase, !isSkeleton {
            for text in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping] {
                let variant = Pattern.sequence(
                    text.unicodeScalars.map { $0.isASCII ? .byte(set(UInt8($0.value))) : mapped($0) })
                if !variants.contains(variant) { variants.append(variant) }
            }
        }
        return variants.count == 1 ? variants[0] : .choice(variants)
    }

    /// One ASCII character, with what counts as the same.
    func set(_ byte: UInt8) -> ByteSet {
        if isSkeleton { return ByteSet([Skeleton.ascii(byte)]) }
        return ignoresCase ? ByteSet([byte]).ignoringCase : ByteSet([byte])
    }

    /// Every member with what counts as the same.
    func set(_ bytes: ByteSet) -> ByteSet {
        bytes.bytes.reduce(into: ByteSet()) { $0 = $0.union($1 < 0x80 ? set($1) : ByteSet([$1])) }
    }

    /// What a character outside ASCII is in the view; empty if the view leaves it out.
    private func mapped(_ scalar: Unicode.Scalar) -> Pattern {
        guard let mapped = view.map(scalar.value) else { return .text(String(scalar).utf8) }
        return .sequence(mapped.map { byte in .byte(byte < 0x80 ? set(byte) : ByteSet([byte])) })
    }
}

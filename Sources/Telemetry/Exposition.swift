/// A series that can write its samples.
protocol MetricSeries: Sendable {
    /// - Parameter labels: `name="value"` pairs with commas between, escaped; empty if there are none.
    func render(_ name: String, labels: [UInt8], to text: inout TextBuffer)
}

/// A family of any kind, as the registry keeps it.
protocol RenderedFamily: Sendable {
    func render(to text: inout TextBuffer)
}

extension MetricFamily: RenderedFamily where Series: MetricSeries {
    /// HELP, TYPE and the samples; nothing at all while there are no series.
    ///
    /// Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text-based format 0.0.4)
    func render(to text: inout TextBuffer) {
        let readings = self.readings
        guard !readings.isEmpty else { return }
        text.write("# HELP " as StaticString)
        text.write(name)
        text.write(" " as Unicode.Scalar)
        text.writeHelp(help)
        text.write("\n# TYPE " as StaticString)
        text.write(name)
        text.write(" " as Unicode.Scalar)
        text.write(kind.rawValue)
        text.write("\n" as Unicode.Scalar)
        for (values, series) in readings {
            var pairs = TextBuffer()
            for (label, value) in zip(labels, values) {
                if !pairs.bytes.isEmpty { pairs.write("," as Unicode.Scalar) }
                pairs.write(label)
                pairs.write("=\"" as StaticString)
                pairs.writeLabelValue(value)
                pairs.write("\"" as Unicode.Scalar)
            }
            series.render(name, labels: pairs.bytes, to: &text)
        }
    }
}

extension TextBuffer {
    fileprivate mutating func writeHelp(_ help: String) {
        for byte in help.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): write("\\\\" as StaticString)
            case UInt8(ascii: "\n"): write("\\n" as StaticString)
            default: bytes.append(byte)
            }
        }
    }

    fileprivate mutating func writeLabelValue(_ value: String) {
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): write("\\\\" as StaticString)
            case UInt8(ascii: "\n"): write("\\n" as StaticString)
            case UInt8(ascii: "\""): write("\\\"" as StaticString)
            default: bytes.append(byte)
            }
        }
    }

    fileprivate mutating func writeSample(_ name: String, _ suffix: StaticString, labels: [UInt8]) {
        write(name)
        write(suffix)
        if !labels.isEmpty {
            write("{" as Unicode.Scalar)
            bytes.append(contentsOf: labels)
            write("}" as Unicode.Scalar)
        }
        write(" " as Unicode.Scalar)
    }
}

extension Counter: MetricSeries {
    func render(_ name: String, labels: [UInt8], to text: inout TextBuffer) {
        text.writeSample(name, "", labels: labels)
        text.write(total)
        text.write("\n" as Unicode.Scalar)
    }
}

extension Gauge: MetricSeries {
    func render(_ name: String, labels: [UInt8], to text: inout TextBuffer) {
        text.writeSample(name, "", labels: labels)
        text.write(current)
        text.write("\n" as Unicode.Scalar)
    }
}

extension DoubleCell: MetricSeries {
    func render(_ name: String, labels: [UInt8], to text: inout TextBuffer) {
        text.writeSample(name, "", labels: labels)
        text.write(current)
        text.write("\n" as Unicode.Scalar)
    }
}

/// A value that another part keeps and that is read at the scrape.
struct ReadOnScrape: MetricSeries {
    let read: @Sendable () -> Double

    func render(_ name: String, labels: [UInt8], to text: inout TextBuffer) {
        text.writeSample(name, "", labels: labels)
        text.write(read())
        text.write("\n" as Unicode.Scalar)
    }
}

extension Histogram: MetricSeries {
    /// Cumulative buckets to `+Inf`, then sum and count; the count is taken from the buckets, so they always agree.
    func render(_ name: String, labels: [UInt8], to text: inout TextBuffer) {
        let reading = self.reading
        var total: Int64 = 0
        for (index, count) in reading.counts.enumerated() {
            total &+= count
            var pairs = TextBuffer(bytes: labels)
            if !labels.isEmpty { pairs.write("," as Unicode.Scalar) }
            pairs.write("le=\"" as StaticString)
            pairs.write(index < upperBounds.count ? upperBounds[index] : .infinity)
            pairs.write("\"" as Unicode.Scalar)
            text.writeSample(name, "_bucket", labels: pairs.bytes)
            text.write(total)
            text.write("\n" as Unicode.Scalar)
        }
        text.writeSample(name, "_sum", labels: labels)
        text.write(reading.sum)
        text.write("\n" as Unicode.Scalar)
        text.writeSample(name, "_count", labels: labels)
        text.write(total)
        text.write("\n" as Unicode.Scalar)
    }
}

internal import Glibc

/// The `date` field, made anew at most once a second. Source: RFC 9110, section 5.6.7.
struct DateField {
    private(set) var bytes: [UInt8] = []
    private var second: time_t = 0

    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    init(at time: time_t) {
        update(to: time)
    }

    mutating func update(to time: time_t) {
        guard time != second else { return }
        second = time
        var seconds = time
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let day = "\(Self.days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(Self.months[Int(parts.tm_mon)])"
        let clock = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        bytes = Array("date: \(day) \(parts.tm_year + 1900) \(clock) GMT\r\n".utf8)
    }
}

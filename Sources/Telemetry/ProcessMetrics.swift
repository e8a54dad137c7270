internal import Glibc

/// What Prometheus clients report of their process, read from `/proc` at the scrape.
///
/// Source: https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
package enum ProcessMetrics {
    package static func register(in registry: MetricsRegistry) {
        registry.counter("process.cpu", unit: .seconds, help: "User and system CPU time spent, all threads.") {
            var time = timespec()
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }
        registry.gauge("process.resident_memory", unit: .bytes, help: "Resident memory.") { statm(field: 1) }
        registry.gauge("process.virtual_memory", unit: .bytes, help: "Virtual memory.") { statm(field: 0) }
        registry.gauge("process.open_fds", help: "Open file descriptors.") { openDescriptors() }
        registry.gauge("process.max_fds", help: "The most file descriptors that may be open.") {
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            return Double(limit.rlim_cur)
        }
    }

    /// A field of `/proc/self/statm`, in bytes.
    private static func statm(field: Int) -> Double {
        guard let file = fopen("/proc/self/statm", "r") else { return .nan }
        defer { fclose(file) }
        var bytes = [CChar](repeating: 0, count: 256)
        guard fgets(&bytes, 256, file) != nil else { return .nan }
        let text = String(decoding: bytes.prefix { $0 != 0 && $0 != 10 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        let fields = text.split(separator: " ")
        guard fields.indices.contains(field), let pages = Double(fields[field]) else { return .nan }
        return pages * Double(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static func openDescriptors() -> Double {
        guard let directory = opendir("/proc/self/fd") else { return .nan }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // Without `.`, `..` and the directory's own descriptor.
        return Double(count - 3)
    }
}

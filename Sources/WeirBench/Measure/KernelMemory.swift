import Glibc

/// Bytes in use in the kernel's slab caches (slabinfo(5)).
enum KernelMemory {
    static var inUse: Double {
        (System.read("/proc/slabinfo") ?? "").split(separator: "\n").dropFirst(2).reduce(0) { sum, line in
            let fields = line.split(separator: " ", maxSplits: 5)
            guard fields.count > 3, let objects = Double(fields[1]), let size = Double(fields[3]) else { return sum }
            return sum + objects * size
        }
    }

    /// When it has stopped changing: what was closed is freed a moment later.
    static var settled: Double {
        var last = inUse
        for _ in 0..<50 {
            usleep(20_000)
            let now = inUse
            if abs(now - last) < 100_000 { return now }
            last = now
        }
        return last
    }
}

import CWeirBPF
import Glibc

/// What malloc keeps for later: with 250 pods, more than half of the process. One for each process, made before
/// anything large.
public struct FreeMemory: Sendable {
    /// Of the process, in bytes, when all that was free had been given back.
    private var least = 0

    public init() { weir_keep_little_memory() }

    /// Gives the kernel back what nobody uses, if the process has grown by a mebibyte since the last time; some
    /// milliseconds of this thread.
    public mutating func giveBack() {
        guard Self.resident > least + (1 << 20) else { return }
        weir_give_memory_back()
        least = Self.resident
    }

    /// In bytes, without what other processes have, too (proc(5), /proc/pid/statm); 0 if it cannot be read.
    private static var resident: Int {
        let pages = TextFile.lines("/proc/self/statm").first?.split(separator: " ").compactMap { Int($0) } ?? []
        return pages.count > 2 ? (pages[1] - pages[2]) * Int(getpagesize()) : 0
    }
}

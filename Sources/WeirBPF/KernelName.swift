import CWeirABI

/// A workload's name as the kernel keeps it, beside its id. One that is too long is cut, and ends in a digest of the
/// whole, so that names with the same beginning stay apart wherever they are shown.
public enum KernelName {
    /// Without the terminating zero.
    private static let room = Int(WEIR_NAME_SIZE) - 1

    public static func of(_ name: String) -> String {
        guard name.utf8.count > room else { return name }
        let digits = String(digest(name), radix: 16)
        let ending = "~" + String(repeating: "0", count: 16 - digits.count) + digits
        var start = ""
        var count = ending.utf8.count
        for scalar in name.unicodeScalars {
            count += scalar.utf8.count
            if count > room { break }
            start.unicodeScalars.append(scalar)
        }
        return start + ending
    }

    /// FNV-1a, the same in every process and version.
    private static func digest(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}

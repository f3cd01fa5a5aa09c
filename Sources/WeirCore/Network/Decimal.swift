/// Numbers in texts, read without leniency: digits only, no sign, no spaces.
enum Decimal {
    /// - Returns: nil when it is not a number or is greater than `limit`.
    static func read(_ text: some StringProtocol, upTo limit: Int) -> Int? {
        guard !text.isEmpty, text.utf8.count <= 18 else { return nil }
        var result = 0
        for byte in text.utf8 {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            result = result * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return result <= limit ? result : nil
    }
}

import WeirCore

/// Values as nft writes them.
enum SetText {
    /// One value alone, or an anonymous set. Such a set belongs to its rule and goes with it, so that a packet never
    /// meets the old rules with the new elements, which it could with a named set that is filled anew.
    static func of(_ elements: [String]) -> String {
        if elements.count == 1, let only = elements.first { return only }
        let perLine = 8
        guard elements.count > perLine else { return "{ \(elements.joined(separator: ", ")) }" }
        let lines = stride(from: 0, to: elements.count, by: perLine).map { start in
            "\t\t\t" + elements[start..<min(start + perLine, elements.count)].joined(separator: ", ")
        }
        return "{\n\(lines.joined(separator: ",\n")) }"
    }

    /// A range of addresses: with its length where it has one, else by its ends.
    static func interval(_ range: ClosedRange<UInt128>, _ family: Family) -> String {
        let first = address(range.lowerBound, family)
        let size = range.upperBound - range.lowerBound
        if size == 0 { return first }
        let isPrefix = size & (size &+ 1) == 0 && range.lowerBound & size == 0
        guard isPrefix else { return "\(first)-\(address(range.upperBound, family))" }
        return "\(first)/\((family == .ipv4 ? 32 : 128) - (128 - size.leadingZeroBitCount))"
    }

    private static func address(_ number: UInt128, _ family: Family) -> String {
        let address = Address(high: UInt64(number >> 64), low: UInt64(truncatingIfNeeded: number))
        // The ends of an IPv6 range may lie among the IPv4-mapped addresses, which Address writes in dots.
        guard family == .ipv6 && address.isIPv4 else { return "\(address)" }
        return "::ffff:\(String(address.low >> 16 & 0xffff, radix: 16)):\(String(address.low & 0xffff, radix: 16))"
    }

    static func users(_ range: ClosedRange<UInt32>) -> String {
        range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
    }

    /// A quoted string, for text that nothing depends on: nft has no escape for a quote, and takes 128 bytes.
    static func comment(_ text: String) -> String {
        let safe = text.unicodeScalars.filter { (0x20..<0x7f).contains($0.value) && $0 != "\"" }
        return "\"\(String(String.UnicodeScalarView(safe)).prefix(120))\""
    }
}

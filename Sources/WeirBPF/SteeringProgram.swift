import CWeirBPF

/// One copy of the inbound program, loaded, whose namespace may not be known yet.
final class SteeringProgram: Sendable {
    static let name = "weir_sk_lookup"

    let descriptor: Descriptor
    /// The array that the copy reads its namespace's cookie from; 0 until `settle`.
    private let home: Descriptor

    init(_ descriptor: consuming Descriptor, home: consuming Descriptor) {
        self.descriptor = descriptor
        self.home = home
    }

    /// Says which namespace it is for, once and for all; to be called before it is attached.
    func settle(in cookie: UInt64) throws(BPFError) {
        try check(weir_constant_set(home.raw, cookie), "set", "the namespace of \(Self.name)")
    }
}

/// A mesh's conventions, as data: numbers, exempt ports, annotation names and order of evaluation.
/// A new mesh is a new value.
public struct Profile: Hashable, Sendable {
    /// What the configuration calls it: "istio".
    public let name: String
    /// Ports, identities and defaults; its dialect is the order of evaluation.
    public let defaults: PolicySpecification
    /// Inbound ports that the mesh's injector always exempts.
    public let exemptInboundPorts: [ExemptPort]
    /// What each annotation sets, in the order in which they are applied.
    public let annotations: [Annotation]
    public let proxyReads: ReadHabit

    public init(
        name: String, defaults: PolicySpecification, exemptInboundPorts: [ExemptPort] = [],
        annotations: [Annotation] = [], proxyReads: ReadHabit
    ) {
        self.name = name
        self.defaults = defaults
        self.exemptInboundPorts = exemptInboundPorts
        self.annotations = annotations
        self.proxyReads = proxyReads
    }

    /// An inbound port that is exempt whatever the annotations exclude.
    public struct ExemptPort: Hashable, Sendable {
        /// In host order; nil: only when the annotation gives one.
        public let port: UInt16?
        /// The annotation that says another port, where 0 means none.
        public let annotation: String?
        /// Exempt only where this annotation is there and enabled.
        public let onlyWith: String?

        public init(_ port: UInt16?, annotation: String? = nil, onlyWith: String? = nil) {
            self.port = port
            self.annotation = annotation
            self.onlyWith = onlyWith
        }
    }

    /// The meshes that come with Weir.
    public static let all = [istio, linkerd, kuma, osm]

    /// The mesh with this name; nil when there is none.
    public static func named(_ name: String) -> Profile? {
        all.first { $0.name == name }
    }
}

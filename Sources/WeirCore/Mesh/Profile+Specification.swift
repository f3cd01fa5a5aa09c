extension Profile {
    /// What a workload's annotations add up to, read as the mesh reads them. Annotations of others are ignored.
    /// - Throws: all that the mesh would not accept, and misspelt names of its annotations.
    public func specification(annotations texts: [String: String] = [:]) throws(AnnotationError) -> PolicySpecification
    {
        let (specification, ignored) = try readAsMesh(annotations: texts)
        guard ignored.isEmpty else { throw AnnotationError(problems: ignored) }
        return specification
    }

    /// The same for a pod, which the mesh has let start: what the mesh goes on without, so does Weir.
    /// - Returns: also what was ignored and why.
    /// - Throws: all that the mesh would not accept.
    public func readAsMesh(
        annotations texts: [String: String]
    ) throws(AnnotationError) -> (PolicySpecification, ignored: [AnnotationError.Problem]) {
        var specification = defaults
        let size = texts.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        guard size <= PolicyLimits.annotationBytes else {
            throw AnnotationError(problems: [
                AnnotationError.Problem(
                    annotation: "annotations",
                    sentence: "they have \(size) bytes together, and Kubernetes takes \(PolicyLimits.annotationBytes); "
                        + "shorten them")
            ])
        }
        var ignored: [AnnotationError.Problem] = []
        let problems = apply(texts, to: &specification, ignored: &ignored)
        guard problems.isEmpty else { throw AnnotationError(problems: problems) }
        exemptPorts(texts, in: &specification)
        return (specification, ignored)
    }

    /// Applies annotations without the exempt ports.
    /// - Returns: what is wrong with them.
    func apply(
        _ texts: [String: String], to specification: inout PolicySpecification,
        ignored: inout [AnnotationError.Problem]
    ) -> [AnnotationError.Problem] {
        var problems: [AnnotationError.Problem] = []
        for annotation in annotations {
            guard let text = texts[annotation.name] else { continue }
            if case .interfaces(_, let other?) = annotation.effect, texts[other] != nil { continue }
            var skipped: [String] = []
            defer {
                ignored += skipped.map { AnnotationError.Problem(annotation: annotation.name, sentence: $0) }
            }
            do {
                try annotation.apply(text, to: &specification, ignored: &skipped)
            } catch {
                problems.append(AnnotationError.Problem(annotation: annotation.name, sentence: error.sentence))
            }
        }
        ignored += misspelt(texts)
        return problems
    }

    /// Adds the ports that the mesh always exempts to the inbound exclusions.
    func exemptPorts(_ texts: [String: String], in specification: inout PolicySpecification) {
        for exempt in exemptInboundPorts where isInUse(exempt, texts) {
            let said = exempt.annotation.flatMap { texts[$0] }.flatMap { Decimal.read($0.trimmed, upTo: 65535) }
            let port = said.map { UInt16($0) } ?? exempt.port
            guard let port, port != 0, !specification.inboundExcludePorts.contains(PortRange(port)) else { continue }
            specification.inboundExcludePorts.append(PortRange(port))
        }
    }

    private func isInUse(_ exempt: ExemptPort, _ texts: [String: String]) -> Bool {
        guard let name = exempt.onlyWith else { return true }
        return texts[name].flatMap { try? Annotation.isEnabled($0) } ?? false
    }

    /// Names that differ by a letter or two from an annotation of the mesh.
    private func misspelt(_ texts: [String: String]) -> [AnnotationError.Problem] {
        let known = Set(annotations.map(\.name))
        let spelt = known.map { (name: $0, letters: Array($0.utf8)) }
        return texts.keys.sorted().filter { !known.contains($0) }.compactMap { name in
            let letters = Array(name.utf8)
            let near = spelt.filter { Spelling.isNear(letters, $0.letters, within: 2) }.map(\.name)
            guard let nearest = Spelling.nearest(to: name, among: near) else { return nil }
            return AnnotationError.Problem(
                annotation: name, sentence: "the \(self.name) mesh has no such annotation; did you mean \(nearest)?")
        }
    }
}

extension String {
    /// Without the spaces, tabs and line ends around it.
    var trimmed: String {
        let isSpace: (Character) -> Bool = { $0.isWhitespace }
        return String(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}

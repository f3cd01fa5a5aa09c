import NIOSSL
public import WeirCore

extension ClusterAccess {
    /// - Throws: a sentence, when a certificate or key cannot be read.
    public func check() throws(InvalidValue) { _ = try tls() }

    /// The server is always verified; who this process is, it says with a certificate if it has one.
    func tls() throws(InvalidValue) -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        do {
            if let authorities {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authorities.utf8)))
            }
            if case .certificate(let chain, let key) = credentials {
                tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(chain.utf8)).map { .certificate($0) }
                tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))
            }
        } catch {
            throw InvalidValue("the certificates for \(server) cannot be read: \(error); they have to be PEM")
        }
        return tls
    }
}

/** The files that a stream's client shows and trusts: certificates, a key, a token; each fault names the file. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { StreamError } from '../reflector/dialect.ts';
import type { Credentials, HttpOptions } from './http.ts';

const CERTIFICATE = '-----BEGIN CERTIFICATE-----';

/** Throws a `StreamError` that names the file: it is missing, is no PEM, or lacks its other half. */
export async function readCredentials(files: HttpOptions): Promise<Credentials> {
  const { caFile, certFile, keyFile, tokenFile } = files;
  const [ca, cert, key, token] = await Promise.all([caFile, certFile, keyFile, tokenFile].map(readIfNamed));
  // Node takes an authority that is no PEM without a word, and then trusts nobody.
  if (ca !== undefined) certificateOf(ca, caFile!);
  if (cert !== undefined && key === undefined)
    throw fault(certFile!, 'is a client certificate without a key; the file of its key must be set too');
  if (key !== undefined && cert === undefined)
    throw fault(
      keyFile!,
      'is a key without a client certificate; the file of its certificate must be set too',
    );
  if (cert !== undefined && key !== undefined) checkPair(cert, certFile!, key, keyFile!);
  return { ca, cert, key, token: token?.toString('utf8').trim() };
}

async function readIfNamed(file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file);
  } catch (error) {
    throw fault(file, `cannot be read: ${readReason(error as NodeJS.ErrnoException)}`);
  }
}

function readReason({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES') return 'this user has no permission';
  return code === 'EISDIR' ? 'it is a folder' : message;
}

function certificateOf(pem: Buffer, file: string): X509Certificate {
  if (!pem.includes(CERTIFICATE)) throw fault(file, `holds no certificate in PEM (no line ${CERTIFICATE})`);
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw fault(file, `holds a damaged certificate: ${(error as Error).message}`);
  }
}

function checkPair(cert: Buffer, certFile: string, key: Buffer, keyFile: string): void {
  const certificate = certificateOf(cert, certFile);
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key.toString('latin1')))
    throw fault(keyFile, 'holds no private key in PEM (no line -----BEGIN PRIVATE KEY-----)');
  let matches: boolean;
  try {
    matches = certificate.checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    const encrypted = key.includes('ENCRYPTED');
    const reason = encrypted ? 'podns cannot ask for its passphrase' : (error as Error).message;
    throw fault(keyFile, `holds a private key that cannot be used: ${reason}`);
  }
  if (!matches) throw fault(keyFile, `is not the key of the certificate in ${certFile}`);
}

function fault(file: string, reason: string): StreamError {
  return new StreamError('unauthorized', `${file} ${reason}`);
}

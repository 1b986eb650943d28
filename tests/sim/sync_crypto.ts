/**
 * WebCrypto that responds at once, computed by `node:crypto`: elsewhere it comes from another thread, and
 * when is not up to the simulation.
 * @module
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, createHash, createHmac } from "node:crypto";

type Data = Uint8Array<ArrayBuffer>;
type Gcm = { readonly iv: Data; readonly additionalData: Data };

/** Bytes of the tag at the end of what AES-GCM seals. */
const TAG_BYTES = 16;

/** The bytes of the keys that were imported. */
const imported = new WeakMap<object, Data>();

/** Replaces the functions of `crypto.subtle` that are used in simulations. */
export const syncSubtle = {
  digest: (_: string, data: Data) =>
    Promise.resolve(bufferOf(createHash("sha256").update(data).digest())),
  importKey(_: string, bytes: Data): Promise<object> {
    const key = {};
    imported.set(key, bytes.slice());
    return Promise.resolve(key);
  },
  sign: (_: unknown, key: object, data: Data) =>
    Promise.resolve(bufferOf(createHmac("sha256", imported.get(key)!).update(data).digest())),
  encrypt({ iv, additionalData }: Gcm, key: object, data: Data): Promise<ArrayBuffer> {
    const cipher = createCipheriv("aes-256-gcm", imported.get(key)!, iv).setAAD(additionalData);
    const sealed = [cipher.update(data), cipher.final()];
    return Promise.resolve(bufferOf(Buffer.concat([...sealed, cipher.getAuthTag()])));
  },
  decrypt({ iv, additionalData }: Gcm, key: object, data: Data): Promise<ArrayBuffer> {
    const decipher = createDecipheriv("aes-256-gcm", imported.get(key)!, iv)
      .setAAD(additionalData).setAuthTag(data.subarray(-TAG_BYTES));
    const opened = [decipher.update(data.subarray(0, -TAG_BYTES)), decipher.final()];
    return Promise.resolve(bufferOf(Buffer.concat(opened)));
  },
};

function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

package org.fdorigin.apps.probes;

import com.sun.jna.Library;
import com.sun.jna.Native;
import java.io.IOException;
import java.util.Map;
import jnr.ffi.LibraryLoader;
import org.fdorigin.apps.console.Console;

/** Calls the C library's {@code socket} by its address, through JNA and through JNR-FFI. */
public final class Kestrel {

  private static final int AF_INET = 2;
  private static final int SOCK_DGRAM = 2;
  private static final int IPPROTO_UDP = 17;

  /** What JNA calls. */
  public interface JnaLibc extends Library {
    int socket(int domain, int type, int protocol);
  }

  /** What JNR calls. */
  public interface JnrLibc {
    int socket(int domain, int type, int protocol);
  }

  private Kestrel() {}

  public static void main(String[] args) throws IOException {
    JnaLibc jna = Native.load("c", JnaLibc.class);
    JnrLibc jnr = LibraryLoader.create(JnrLibc.class).load("c");
    new Console(args)
        .on("jna", () -> Map.of("fd", stoopByJnaSixtyTwo(jna)))
        .on("jnr", () -> Map.of("fd", stoopByJnrSixtyThree(jnr)))
        .serve(Map.of());
  }

  static int stoopByJnaSixtyTwo(JnaLibc libc) {
    return libc.socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP); // MARK jna
  }

  static int stoopByJnrSixtyThree(JnrLibc libc) {
    return libc.socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP); // MARK jnr
  }
}

package jdk.internal.standin;

import java.lang.ref.Reference;

/** The native half of the stand-in, as far as its Java half needs it beside the checkpoint. */
public final class Vm {
  static {
    loadLibrary();
  }

  /** The one object that the native side's heap iteration is called with; see cracvm.c. */
  private static final Vm ANCHOR = new Vm();

  private Vm() {}

  /** Called from a class of the boot loader, so that the natives are found for every boot class. */
  @SuppressWarnings("restricted") // A lint category of later compilers.
  private static void loadLibrary() {
    String library = System.getProperty("standin.lib");
    if (library == null) {
      throw new UnsatisfiedLinkError("-Dstandin.lib is not set; start java with @standin-*.args");
    }
    System.load(library);
  }

  /** Loads the library, so that natives of other boot classes bind. */
  public static void ensureLoaded() {
    Reference.reachabilityFence(ANCHOR);
  }

  /** The live instances of {@code bases} and of their subclasses, in no order. */
  static native Object[] liveInstances(Class<?>[] bases);

  /** The numbers of all open descriptors. */
  public static native int[] openDescriptors();

  /** What /proc says the descriptor is, or null where it is not open. */
  public static native String link(int fd);

  /** A CRaC JDK's description of a descriptor of which only the number is known. */
  public static native String describe(int fd);

  /** A new descriptor of /dev/null. */
  static native int openNull();

  static native void close(int fd);

  /**
   * The next scan passes over these descriptors: a CRaC JDK would have closed them by then, or have
   * told its VM of them.
   */
  public static native void exempt(int[] fds);
}

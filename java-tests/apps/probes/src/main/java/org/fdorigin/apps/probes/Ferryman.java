package org.fdorigin.apps.probes;

/** Native code that several programs share; whoever uses it has loaded libferryman.so. */
final class Ferryman {

  private Ferryman() {}

  /** A socket, by a library that is not the JDK's. */
  static native int cross();

  /** Twice a socket, or 0; one more where compiled code called it as a critical native. */
  static native int dash(boolean opens);

  /** Runs it, with this native frame beneath. */
  static native void carry(Runnable passenger);

  /** Loads a library, makes a socket by this function of its own, and unloads it again. */
  static native int visit(String library, String function);
}
